"""A document that asks for some fields needs no others, however the root of its schema is written."""

import json

import pytest

from insource.contract.asked import for_asked, restricted
from insource.contract.resolved import resolved
from insource.contract.validate import fits

DAY = {"type": "string", "format": "date"}
PLAIN = {
    "type": "object",
    "properties": {"number": {"type": "string"}, "day": DAY},
    "required": ["number", "day"],
    "additionalProperties": False,
}
BODIES = {
    "plain": PLAIN,
    "root reference": {"$ref": "#/definitions/I", "definitions": {"I": PLAIN}},
    "reference chain": {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": PLAIN}},
    "part": {"allOf": [{"$ref": "#/$defs/I"}], "$defs": {"I": PLAIN}},
    "beside": {"$ref": "#/$defs/I", "description": "An invoice", "$defs": {"I": PLAIN}},
    "condition": {"if": {}, "then": {"$ref": "#/$defs/I"}, "$defs": {"I": PLAIN}},
    "branch": {"anyOf": [{"$ref": "#/$defs/I"}, {"type": "null"}], "$defs": {"I": PLAIN}},
}


@pytest.mark.parametrize("schema", BODIES.values(), ids=BODIES)
def test_a_document_that_asks_for_a_field_needs_no_other(schema):
    narrow, label = restricted(schema, ("day",)), for_asked(schema, ("day",))
    assert fits({"day": "2024-03-01"}, narrow)
    assert not fits({}, narrow)
    assert not fits({"day": "2024-03-01", "number": "1"}, narrow)
    assert fits({"day": "2024-03-01"}, label)
    assert fits({"day": "2024-03-01", "number": "1"}, label)
    assert not fits({"number": "1"}, label)
    assert for_asked(schema, None) == resolved(schema)


def test_the_whole_document_keeps_its_shape_where_it_comes_again_inside():
    tree = {"type": "object", "properties": {"a": {}, "child": {"$ref": "#"}}, "required": ["a"]}
    narrow = restricted(tree, ("child",))
    assert fits({"child": {"a": 1, "child": {"a": 2}}}, narrow)
    assert not fits({"child": {}}, narrow)


def test_a_field_that_is_asked_for_and_not_declared_is_open_unless_that_is_forbidden():
    assert list(restricted({"properties": {"a": {}}}, ("b", "a"))["properties"]) == ["a", "b"]
    assert list(
        restricted({"properties": {"a": {}}, "additionalProperties": False}, ("b", "a"))["properties"]
    ) == ["a"]


def test_a_whole_that_is_made_of_itself_ends():
    schema = {"anyOf": [{"$ref": "#"}, {"$ref": "#"}, {"$ref": "#/$defs/I"}], "$defs": {"I": PLAIN}}
    assert fits({"day": "2024-03-01"}, restricted(schema, ("day",)))


def test_parts_that_are_shared_many_times_are_narrowed_once():
    shared = {
        f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"$ref": f"#/$defs/d{n + 1}"}]} for n in range(14)
    }
    schema = {"$ref": "#/$defs/d0", "$defs": {**shared, "d14": PLAIN}}
    narrow = restricted(schema, ("day",))
    assert fits({"day": "2024-03-01"}, narrow)
    assert not fits({}, narrow)
    assert len(json.dumps(narrow)) < 3 * len(json.dumps(schema))
    assert fits({"number": "1"}, for_asked(schema, ("number",)))
