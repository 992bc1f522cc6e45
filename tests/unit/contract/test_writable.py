"""Labels that the grammar cannot write are found, with the place where it stops."""

import pytest

from insource.contract.canonical_form import canonical_target
from insource.contract.writable import unwritable
from insource.types import Labels, Text


def object_of(**properties):
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("schema", "value", "written"),
    [
        ({"type": "number", "minimum": 0}, 2.5e-09, "0.0000000025"),
        ({"type": "number", "exclusiveMaximum": 1e30}, 3e20, "300000000000000000000"),
        ({"type": "number"}, 2.5e-09, "2.5e-09"),
        ({"type": "number"}, 3e20, "3e+20"),
        ({"type": "number"}, 7.0, "7"),
        ({"type": "number", "minimum": 0}, -0.0, "0"),
        ({"type": "number", "multipleOf": 0.5}, 4.0, "4"),
        ({"type": "integer"}, 3e20, "300000000000000000000"),
        ({"enum": [4, 5]}, 5.0, "5"),
        ({"enum": [0.25, 2.0, 5e-324]}, 2.0, "2"),
        ({"const": 6.02e23}, 6.02e23, "602000000000000000000000"),
        ({"enum": [{"b": 1.0, "a": [2e-7]}]}, {"a": [2e-7], "b": 1}, '{"b":1,"a":[0.0000002]}'),
        ({"enum": [{"b": True, "a": 1}, {"a": 1, "b": 1}]}, {"a": 1, "b": 1}, '{"a":1,"b":1}'),
        ({"anyOf": [{"type": "string"}, {"type": "number", "minimum": 0}]}, 1e-9, "0.000000001"),
    ],
)
def test_numbers_are_written_as_the_grammar_writes_them(schema, value, written):
    schema = object_of(v=schema)
    target = canonical_target({"v": value}, schema)
    assert target == f'{{"v":{written}}}'
    assert unwritable(target, schema) == ""


@pytest.mark.parametrize(
    ("schema", "text", "place"),
    [
        (
            object_of(v={"enum": [9007199254740993]}),
            '{"v":9007199254740993}',
            "v: the grammar does not write 900719925",
        ),
        (object_of(v={"enum": [1]}), '{"v":1.0}', "v: the grammar does not write 1.0"),
        (
            object_of(a={}, lines={"type": "array", "items": object_of(n={"type": "number", "minimum": 0})}),
            '{"a":{"x":[1,"]"]},"lines":[{"n":1},{"n":1e-7}]}',
            "lines[1].n: the grammar does not write 1e-7",
        ),
        (
            object_of(é={"type": "string", "maxLength": 2}),
            '{"é":"éàü"}',
            'é: the grammar does not write "éàü"',
        ),
        (object_of(a={}), '{"a":1,"b":2}', '(the whole answer): the grammar does not write "b"'),
        (object_of(a={}), '{"a":1', "a: the grammar does not write 1"),
    ],
)
def test_the_place_where_the_grammar_stops_is_named(schema, text, place):
    assert unwritable(text, schema).startswith(place)


def test_what_a_document_need_not_hold_stops_nothing():
    assert unwritable('{"b":1}', object_of(a={"type": "string"}, b={"type": "integer"})) == ""


def test_labels_are_tried_and_text_is_not():
    assert unwritable("a, b", Labels(names=("a, b", "c"))) == ""
    assert unwritable("d", Labels(names=("a, b", "c"))) != ""
    assert unwritable("anything", Text()) == ""


def test_a_schema_without_a_grammar_stops_no_label():
    assert unwritable('{"v":4}', {"type": "object", "minProperties": 3, "maxProperties": 2}) == ""
