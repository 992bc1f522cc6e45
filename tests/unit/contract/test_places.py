"""A place has what every part of the schema says about it, and the branch that a value keeps to."""

import json

import pytest

from insource.contract.places import place_of

A = {"type": "object", "properties": {"kind": {"const": "a"}, "x": {"type": "integer"}}, "required": ["kind"]}
B = {"type": "object", "properties": {"kind": {"const": "b"}, "x": {"type": "string"}}, "required": ["kind"]}


def test_parts_are_merged_and_the_outer_one_counts():
    schema = {
        "$ref": "#/$defs/base",
        "allOf": [{"properties": {"b": {"maxLength": 2}}}],
        "properties": {"a": {"format": "date"}, "c": {}},
        "required": ["c"],
        "$defs": {"base": {"properties": {"a": {"format": "time", "type": "string"}}, "required": ["a"]}},
    }
    place = place_of(schema)
    assert list(place.properties) == ["a", "b", "c"]
    assert place.required == ("a", "c")
    assert place.properties["a"].keywords == {"format": "date", "type": ["string"]}


@pytest.mark.parametrize("keyword", ["anyOf", "oneOf"])
@pytest.mark.parametrize(
    ("value", "types"),
    [
        ({"kind": "a", "x": 1}, {"integer"}),
        ({"kind": "b", "x": "1"}, {"string"}),
        ({"kind": "b", "x": 1}, {"string"}),  # fits neither; its kind tells
        ({"x": "1"}, {"integer"}),  # nothing tells: the first
    ],
)
def test_a_value_chooses_its_branch(keyword, value, types):
    place = place_of({keyword: [A, B]})
    assert place.open
    assert place.properties == {}
    assert place.of(value).properties["x"].types == types


def test_types_tell_branches_apart_and_open_ones_name_them_all():
    place = place_of({"anyOf": [{"type": "string", "format": "date"}, {"type": "number"}, {"type": "null"}]})
    assert place.types == {"string", "number", "null"}
    assert place.of("2024-03-01").keywords["format"] == "date"
    assert "format" not in place.of(2.5).keywords


def test_one_real_option_is_no_choice():
    place = place_of({"anyOf": [{"type": "null"}, {"$ref": "#/$defs/d"}], "$defs": {"d": {"type": "string"}}})
    assert not place.open
    assert place.types == {"string", "null"}


def test_conditions_add_what_holds_for_the_value():
    schema = {
        "if": {"properties": {"k": {"const": 1}}, "required": ["k"]},
        "then": {"properties": {"x": {"format": "date"}}},
        "else": {"properties": {"y": {}}},
        "dependentSchemas": {"z": {"properties": {"w": {}}}},
    }
    place = place_of(schema)
    assert list(place.of({"k": 1}).properties) == ["x"]
    assert list(place.of({"z": 1}).properties) == ["y", "w"]


def test_names_are_found_by_declaration_pattern_and_rest():
    schema = {
        "properties": {"a": {"type": "integer"}},
        "patternProperties": {"^a": {"minimum": 1}, "[0-9]$": {"format": "date"}},
        "additionalProperties": {"format": "time"},
    }
    place = place_of(schema)
    assert place.property("a").keywords == {"type": ["integer"], "minimum": 1}
    assert place.property("b2").keywords == {"format": "date"}
    assert place.property("b").keywords == {"format": "time"}
    assert place_of({"additionalProperties": False}).property("b") is None


def test_items_have_a_place_by_position():
    place = place_of({"prefixItems": [{"type": "integer"}, {"type": "string"}], "items": {"type": "boolean"}})
    assert [place.item(n).types for n in range(4)] == [{"integer"}, {"string"}, {"boolean"}, {"boolean"}]
    assert place.heads == 2
    assert place_of({"prefixItems": [{}], "items": False}).item(1) is None


def test_a_part_that_leads_back_to_itself_is_endless_and_ends():
    tree = place_of(
        {
            "type": "object",
            "properties": {"v": {"type": "string"}, "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
        }
    )
    assert tree.properties["next"].endless
    assert tree.properties["next"].properties["next"] is tree.properties["next"]
    assert not tree.properties["v"].endless
    nested = place_of({"anyOf": [{"type": "array", "items": {"$ref": "#"}}, A]})
    assert nested.types == {"array", "object"}
    assert nested.of([{"kind": "a"}]).items.of({"kind": "a"}).types == {"object"}
    assert place_of({"$ref": "#"}).properties == {}


def test_a_part_that_declares_too_much_is_endless():
    definitions = {
        f"d{n}": {"properties": {key: {"$ref": f"#/$defs/d{n + 1}"} for key in "ab"}} for n in range(40)
    }
    place = place_of({"$ref": "#/$defs/d0", "$defs": {**definitions, "d40": {"type": "string"}}})
    assert place.endless
    assert not place_of({"$ref": "#/$defs/d35", "$defs": {**definitions, "d40": {}}}).endless


def test_equal_schemas_share_their_places():
    schema = {
        "properties": {"a": {"$ref": "#/$defs/d"}, "b": {"$ref": "#/$defs/d"}},
        "$defs": {"d": {"properties": {}}},
    }
    assert place_of(schema) is place_of(json.loads(json.dumps(schema)))
