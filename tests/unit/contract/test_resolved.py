"""A resolved schema allows the same values as the one that was written, with one kind of reference."""

import json

import pytest

from insource.contract.places import place_of
from insource.contract.resolved import (
    InvalidSchema,
    resolved,
    sound_validator,
    subschemas,
    unresolved,
)
from insource.contract.validate import fits
from insource.matching.declared import check_declared

DAY = {"type": "string", "format": "date"}
DRAFT_4 = "http://json-schema.org/draft-04/schema#"
DRAFT_7 = "http://json-schema.org/draft-07/schema#"
DRAFT_2019 = "https://json-schema.org/draft/2019-09/schema"
VALUES = (
    None, True, 0, 1, 5, 7.5, "a", "2024-03-01", "2024-13-01",
    [], ["2024-03-01"], [1], [1, "a"], [1, 2], [5, 5, 5],
    {}, {"a": 1}, {"a": "2024-03-01"}, {"a": "x", "b": 1},
    {"b": 1}, {"a": {"a": {}}}, {"a": {"a": 1}}, {"zz": 1},
)  # fmt: skip

# Name, schema: each says something that older drafts or other writers spell in another way.
WRITTEN = {
    "root": {"type": "object", "properties": {"a": {"$ref": "#"}}, "additionalProperties": False},
    "root reference": {"$ref": "#/definitions/I", "definitions": {"I": {"properties": {"a": DAY}}}},
    "reference to a reference": {
        "$ref": "#/$defs/a",
        "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"type": "array"}},
    },
    "keywords beside a reference": {"$ref": "#/$defs/a", "maxItems": 1, "$defs": {"a": {"type": "array"}}},
    "keywords beside a reference, draft 7": {
        "$schema": DRAFT_7,
        "properties": {"a": {"$ref": "#/definitions/s", "maxLength": 1}},
        "definitions": {"s": {"type": ["string", "integer"]}},
    },
    "anchor": {"properties": {"a": {"$ref": "#day"}}, "$defs": {"x": {"$anchor": "day", **DAY}}},
    "anchor by $id, draft 7": {
        "$schema": DRAFT_7,
        "properties": {"a": {"$ref": "#day"}},
        "definitions": {"x": {"$id": "#day", **DAY}},
    },
    "percent": {"properties": {"a": {"$ref": "#/$defs/P%5Ba%20b%5D~1~0"}}, "$defs": {"P[a b]/~": DAY}},
    "index": {
        "properties": {"a": {"$ref": "#/properties/b/anyOf/1"}, "b": {"anyOf": [{"type": "integer"}, DAY]}}
    },
    "embedded": {
        "$id": "https://example.org/root.json",
        "properties": {"a": {"$ref": "day.json"}},
        "$defs": {"d": {"$id": "day.json", **DAY}},
    },
    "pointer inside an embedded resource": {
        "$id": "https://example.org/root.json",
        "properties": {"a": {"$ref": "list.json"}},
        "$defs": {
            "l": {"$id": "list.json", "$ref": "#/$defs/item", "$defs": {"item": {"type": "integer"}}},
            "item": DAY,
        },
    },
    "two definitions of one name": {
        "properties": {"a": {"$ref": "#/$defs/x"}, "b": {"$ref": "#/definitions/x"}},
        "$defs": {"x": DAY},
        "definitions": {"x": {"type": "integer"}},
    },
    "list of items, 2019-09": {"$schema": DRAFT_2019, "items": [{"type": "integer"}], "additionalItems": DAY},
    "list of items and no more, draft 7": {
        "$schema": DRAFT_7,
        "items": [{"type": "integer"}, {"type": "integer"}],
        "additionalItems": False,
    },
    "exclusive bounds, draft 4": {"$schema": DRAFT_4, "minimum": 1, "exclusiveMinimum": True, "maximum": 7.5},
    "bounds that are not exclusive, draft 4": {"$schema": DRAFT_4, "minimum": 1, "exclusiveMinimum": False},
    "dependencies, draft 7": {
        "$schema": DRAFT_7,
        "dependencies": {"b": ["a"], "a": {"properties": {"a": {"type": "string"}}}},
    },
    "recursive reference, 2019-09": {
        "$schema": DRAFT_2019,
        "properties": {"a": {"$recursiveRef": "#"}},
        "additionalProperties": False,
    },
    "dynamic reference with one target": {
        "$dynamicAnchor": "node",
        "properties": {"a": {"$dynamicRef": "#node"}},
        "additionalProperties": False,
    },
    "properties named like keywords": {"properties": {"$ref": DAY, "items": DAY, "a": DAY}},
    "values that look like schemas": {"enum": [{"a": 1}, {"$ref": "#/none"}, "a"], "default": {"$ref": "#x"}},
    "nothing": {"not": {}},
    "nothing, by reference": {"$ref": "#/$defs/no", "$defs": {"no": False}},
    "everything, by reference": {"$ref": "#/$defs/yes", "$defs": {"yes": True}},
    "if": {"if": {"required": ["b"]}, "then": {"required": ["a"]}, "else": {"type": ["object", "null"]}},
    "unevaluated": {"allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": False},
}


@pytest.mark.parametrize("schema", WRITTEN.values(), ids=WRITTEN)
def test_the_resolved_schema_allows_the_same_values(schema):
    written, again = sound_validator(schema), sound_validator(resolved(schema))
    assert [value for value in VALUES if written.is_valid(value)] == [
        value for value in VALUES if again.is_valid(value)
    ]
    assert unresolved(schema) == ()


@pytest.mark.parametrize("schema", WRITTEN.values(), ids=WRITTEN)
def test_references_have_one_form_and_resolving_again_changes_nothing(schema):
    found = resolved(schema)
    for _, node in subschemas(found):
        assert node.keys().isdisjoint({"$id", "$anchor", "$dynamicRef", "$recursiveRef", "definitions"})
        if "$ref" in node:
            assert node["$ref"].removeprefix("#/$defs/") in found["$defs"]
    assert resolved(found) == found


@pytest.mark.parametrize(
    ("schema", "refused"),
    [
        ({"type": "string", "nullable": True}, 1),
        ({"type": "string", "nullable": True, "enum": ["a"]}, 1),
        ({"allOf": [DAY], "nullable": True}, 1),
        ({"$ref": "#/$defs/d", "nullable": True, "$defs": {"d": DAY}}, 1),
        ({"$schema": DRAFT_7, "$ref": "#/definitions/d", "nullable": True, "definitions": {"d": DAY}}, 1),
    ],
)
def test_nullable_allows_null(schema, refused):
    assert fits(None, schema)
    assert not fits(refused, schema)
    assert not fits(None, {**schema, "nullable": False})


def test_a_dynamic_reference_with_several_targets_is_named_and_still_validated():
    tree = {
        "$id": "tree",
        "$dynamicAnchor": "node",
        "properties": {"kids": {"items": {"$dynamicRef": "#node"}}},
    }
    schema = {
        "$id": "https://example.org/strict",
        "$dynamicAnchor": "node",
        "$ref": "tree",
        "unevaluatedProperties": False,
        "$defs": {"tree": tree},
    }
    assert [keyword for keyword, _ in unresolved(schema)] == ["$dynamicRef"]
    assert fits({"kids": [{"kids": []}]}, schema)
    assert not fits({"kids": [{"kid": []}]}, schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/none"},
        {"properties": {"a": {"$ref": "#none"}}},
        {"$ref": "other.json"},
        {"$ref": "http://127.0.0.1:1/other.json"},
        {"$defs": {"unused": {"type": "wibble"}}},
    ],
)
def test_a_schema_that_is_not_valid_is_refused(schema):
    with pytest.raises(InvalidSchema):
        resolved(schema)


@pytest.mark.parametrize("levels", [200, 500, 5000])
def test_a_schema_that_is_nested_too_deeply_is_refused(levels):
    nested = {"type": "string"}
    for _ in range(levels):
        nested = {"properties": {"a": nested}}
    for read in (resolved, unresolved, place_of, lambda schema: fits({}, schema)):
        with pytest.raises(InvalidSchema):
            read(nested)
    check_declared(nested)


def chain_of_references(length):
    parts = {f"d{n}": {"properties": {"a": {"$ref": f"#/$defs/d{n + 1}"}}} for n in range(length)}
    return {"$ref": "#/$defs/d0", "$defs": {**parts, f"d{length}": {"type": "string"}}}


def test_a_long_chain_of_references_is_read_and_an_endless_one_refused():
    value = 1
    for _ in range(100):
        value = {"a": value}
    assert not fits(value, chain_of_references(100))
    with pytest.raises(InvalidSchema, match="too deep"):
        resolved(chain_of_references(3000))


def test_the_order_of_properties_stays_and_the_schema_is_not_changed():
    schema = {"properties": {"z": {"nullable": True, "type": "string"}, "a": {"$ref": "#/properties/z"}}}
    before = json.dumps(schema)
    assert list(resolved(schema)["properties"]) == ["z", "a"]
    assert json.dumps(schema) == before
