"""A schema in parts, written as one for a converter that reads parts one by one, such as Ollama's."""

import itertools
import json

import pytest

from insource.contract.compact_form import compact_form
from insource.contract.grammar import compile_grammar
from insource.contract.resolved import subschemas
from insource.contract.validate import fits
from insource.models.engines.merged_schema import merged_schema
from insource.models.engines.ollama import schema_of
from insource.models.grounding.grounding import Cap, Grounding

TEXT, WHOLE = {"type": ["string", "null"]}, {"type": "integer"}


def of(properties, **more):
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
        **more,
    }


LINE = of({"qty": WHOLE, "name": TEXT})
ORDER = of(
    {
        "no": TEXT,
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
        "volts": {"type": ["integer", "array", "null"], "items": WHOLE},
        "to": {"anyOf": [of({"city": {"type": "string"}}), {"type": "null"}]},
    },
    **{"$defs": {"line": LINE}},
)
CAPS = (
    Cap(("no",), {"maxLength": 3}),
    Cap(("lines",), {"maxItems": 1}),
    Cap(("lines", "[]", "name"), {"maxLength": 2}),
    Cap(("lines", "[]", "qty"), {"minimum": -99, "maximum": 99}),
    Cap(("to", "city"), {"maxLength": 4}),
)
ANSWERS = [
    {"no": no, "lines": lines, "volts": volts, "to": to}
    for no, lines, volts, to in itertools.product(
        (None, "abc", "abcd"),
        ([], [{"qty": 5, "name": "n"}], [{"qty": 100, "name": None}], [{"qty": 1, "name": "long"}]),
        (None, 24, [24, 48], "24"),
        (None, {"city": "Ulm"}, {"city": "Bremen"}),
    )
]


def told(grammar):
    """What Ollama gets: no part names a property twice, and no value is without a type or its list."""
    schema = schema_of(grammar)
    assert "allOf" not in schema
    for path, node in subschemas(schema):
        assert node.keys() & {"type", "enum", "const", "anyOf", "oneOf", "$ref"}, path
    return schema


def test_the_limits_from_training_are_in_the_one_schema_that_ollama_gets():
    grounding = Grounding((), CAPS)
    parts = grounding.schema(ORDER, "a document")
    assert "allOf" in parts
    schema = told(grounding.grammar(ORDER, "a document"))
    assert list(schema["properties"]) == list(ORDER["properties"])
    fitting = [fits(answer, schema) for answer in ANSWERS]
    assert fitting == [fits(answer, parts) for answer in ANSWERS]
    assert 0 < sum(fitting) < len(fitting)


def test_an_answer_without_keys_has_the_same_limits():
    form = compact_form(ORDER)
    schema = told(form.grammar(Grounding((), CAPS).grammar(ORDER, "a document")))
    said = [form.written(json.dumps(answer, separators=(",", ":"))) for answer in ANSWERS]
    expected = [fits(answer, Grounding((), CAPS).schema(ORDER, "a document")) for answer in ANSWERS]
    assert [fits(json.loads(text), schema) for text in said] == expected


@pytest.mark.parametrize(
    ("parts", "one"),
    [
        # What a document states; a value of another kind is none
        (
            [{"type": ["integer", "null"]}, {"enum": [24, 2.5, None]}],
            {"type": ["integer", "null"], "enum": [24, None]},
        ),
        (
            [{"anyOf": [{"type": "string"}, {"type": "null"}]}, {"enum": ["a", None]}],
            {"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "null", "enum": [None]}]},
        ),
        (
            [{"type": ["integer", "array"]}, {"anyOf": [{"enum": [1]}, {"type": "array", "maxItems": 2}]}],
            {
                "anyOf": [
                    {"enum": [1], "type": ["integer", "array"]},
                    {"type": "array", "maxItems": 2},
                ]
            },
        ),
        ([{"type": "number"}, {"type": ["integer", "null"]}], {"type": "integer"}),
        ([{"maxLength": 9, "minLength": 1}, {"maxLength": 4}], {"maxLength": 4, "minLength": 1}),
        ([{"enum": ["a", "b", True]}, {"enum": ["b", 1]}], {"enum": ["b"]}),
        ([{"required": ["a"]}, {"required": ["b", "a"]}], {"required": ["a", "b"]}),
        # A limit of what may be anything says too little for the converter
        (
            [of({"any": {}}), {"properties": {"any": {"maxLength": 2}}}],
            of({"any": {}}),
        ),
        ([{"allOf": [{"type": "string"}, {"maxLength": 2}]}, True], {"type": "string", "maxLength": 2}),
    ],
)
def test_parts_become_one(parts, one):
    assert merged_schema({"allOf": parts}) == one


def test_what_no_value_fits_stays_in_parts():
    parts = {"allOf": [{"type": "string"}, {"type": "null"}]}
    assert merged_schema(parts) == parts


def test_parts_that_refer_to_themselves_come_to_an_end():
    nodes = {
        name: {"type": "object", "properties": {"next": {"$ref": f"#/$defs/{name}"}}, "title": name}
        for name in ("a", "b")
    }
    schema = {"$defs": nodes, "allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}]}
    merged = merged_schema(schema)
    assert (merged["type"], list(merged["properties"])) == ("object", ["next"])
    json.dumps(merged)


def test_a_schema_in_one_part_is_sent_as_it_is():
    assert schema_of(compile_grammar(LINE).text) == LINE
