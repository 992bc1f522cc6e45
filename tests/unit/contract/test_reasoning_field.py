"""The reasoning that a schema declares: where it may stand, what is generated, trained and read."""

import json

import pytest

from insource.contract.answers import answer_text, read_answer
from insource.contract.reasoning_field import output_of, taken_apart, trained_text
from insource.contract.writable import unwritable
from insource.foundation.errors import ConfigError
from insource.matching.declared import check_declared
from insource.types import JsonSchema, Task

MARKED = {"type": "string", "maxLength": 200, "x-insource": {"reasoning": True}}
SCHEMA = {
    "type": "object",
    "properties": {"volts": {"type": ["integer", "null"]}, "why": MARKED},
    "required": ["volts"],
    "additionalProperties": False,
}
OUTPUT = output_of(SCHEMA)
REQUIRED = output_of(SCHEMA | {"required": ["volts", "why"]})


def placed(**changes):
    return SCHEMA | changes


def test_the_answers_schema_has_no_reasoning_and_the_generated_one_has_it_first():
    assert "why" not in json.dumps(OUTPUT.definition)
    assert list(OUTPUT.generated["properties"]) == ["why", "volts"]
    assert OUTPUT.generated["required"] == ["volts"]
    assert REQUIRED.definition["required"] == ["volts"]
    assert REQUIRED.generated["required"] == ["why", "volts"]


def test_a_schema_without_the_mark_is_kept_as_it_is():
    plain = placed(properties={"volts": {"type": "integer"}})
    assert output_of(plain) == JsonSchema(definition=plain)
    assert "reasoning" not in output_of(plain).model_dump()


@pytest.mark.parametrize(
    ("schema", "place", "why"),
    [
        (
            placed(properties={"a": {"type": "object", "properties": {"why": MARKED}}}),
            "#/properties/a",
            "top",
        ),
        (placed(properties={"a": {"type": "array", "items": MARKED}}), "#/properties/a/items", "top"),
        (placed(properties={"a": MARKED, "b": MARKED}), "#/properties/b", "'a' is the reasoning already"),
        (placed(properties={"a": MARKED | {"type": "integer"}}), "#/properties/a", '"integer"'),
        (placed(properties={"a": MARKED | {"type": ["string", "null"]}}), "#/properties/a", '"null"'),
        (placed(properties={"a": MARKED | {"x-insource": {"reasoning": False}}}), "#/properties/a", "false"),
        (
            placed(properties={"a": MARKED | {"x-insource": {"reasoning": True, "compare": "text"}}}),
            "#/properties/a",
            "compare",
        ),
        (placed(allOf=[{"properties": {"b": {}}}]), "#/properties/why", "allOf"),
        (MARKED, "#", "top"),
    ],
)
def test_a_mark_that_cannot_be_honoured_is_refused_with_its_place(schema, place, why):
    with pytest.raises(ConfigError) as refused:
        output_of(schema)
    assert refused.value.code == "reasoning-misplaced"
    assert f"at {place}" in refused.value.message
    assert why in refused.value.message


def test_a_rows_own_schema_cannot_declare_it():
    with pytest.raises(ConfigError, match="task's own schema") as refused:
        check_declared({"properties": {"why": MARKED}})
    assert refused.value.code == "reasoning-misplaced"


@pytest.mark.parametrize("output", [OUTPUT, REQUIRED])
@pytest.mark.parametrize("target", ['{"volts":480}', "{}"])
def test_the_grammar_writes_reasoning_first_and_answers_without_it(output, target):
    said = 'It says "480 V".\n\x7f'
    written = trained_text(target, said, output)
    assert written.startswith('{"why":"')
    assert taken_apart(json.loads(written), output) == (json.loads(target), said)
    assert unwritable(written, output.generated) == ""
    assert unwritable(target, output.generated) == ""
    assert trained_text(target, "", output) == target


def test_the_grammar_holds_reasoning_to_its_place_and_its_own_limits():
    assert unwritable('{"volts":480,"why":"late"}', OUTPUT.generated)
    assert unwritable(trained_text('{"volts":480}', "x" * 201, OUTPUT), OUTPUT.generated)


@pytest.mark.parametrize(
    ("text", "value", "parsed"),
    [
        ('{"why":"so","volts":480}', {"volts": 480}, True),
        ('{"volts":480,"why":null}', {"volts": 480}, True),
        ('Sure: {"why":"so","volts":480}', {"volts": 480}, False),
        ('{"volts":480}', {"volts": 480}, True),
        ('["why"]', ["why"], True),
    ],
)
def test_an_answer_is_read_without_it(text, value, parsed):
    read = read_answer(text, OUTPUT)
    assert (read.value, read.parsed) == (value, parsed)


def test_what_is_handed_on_has_none_and_every_other_answer_keeps_its_bytes():
    assert answer_text('{"why": "so", "volts": 480}', OUTPUT) == '{"volts":480}'
    for text in ('{"volts":  480}', 'Sure: {"why":"so"}', "no", '{"volts": 480, "volts": 1, "why": "so"}'):
        assert answer_text(text, OUTPUT) == text
    assert answer_text('{"why": "so"}', JsonSchema(definition={})) == '{"why": "so"}'


def test_a_model_that_is_told_the_schema_is_told_of_the_reasoning():
    task = Task(name="t", instruction="Extract.", output=OUTPUT)
    system = task.messages("480 V", describe_output=True)[0].content
    assert system.index('"why"') < system.index('"volts"')
    assert "x-insource" not in system
