"""The grammar of one document's answer, and what an untuned model is told."""

import pytest
from llguidance import LLMatcher, LLTokenizer

from insource.arms.floor import empty_answer
from insource.arms.prompts import described, grammar_for
from insource.types import Example, JsonSchema, Labels, Provenance, Task

TOKENIZER = LLTokenizer("byte")
BODY = {
    "type": "object",
    "properties": {"b": {"type": "integer"}, "a": {"type": "string", "maxLength": 9}},
    "required": ["a", "b"],
    "additionalProperties": False,
}


def accepts(grammar, text):
    matcher = LLMatcher(TOKENIZER, grammar, log_level=0)
    tokens = list(text.encode())
    return matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting()


def example_of(**fields):
    return Example(
        row_id="r", digest="0", input="x", target="{}", provenance=Provenance(source="made"), **fields
    )


@pytest.mark.parametrize(
    "schema",
    [
        BODY,
        {"$ref": "#/definitions/B", "definitions": {"B": BODY}},
        {"allOf": [{"$ref": "#/$defs/B"}], "$defs": {"B": BODY}},
    ],
)
def test_only_the_fields_asked_for_are_written_however_the_root_is(schema):
    task = Task(name="t", instruction="i", output=JsonSchema(definition=schema))
    assert accepts(grammar_for(task, example_of()), '{"b":1,"a":"x"}')
    asking = example_of(attributes=("a",))
    assert accepts(grammar_for(task, asking), '{"a":"x"}')
    assert not accepts(grammar_for(task, asking), '{"b":1,"a":"x"}')
    assert not accepts(grammar_for(task, asking), "{}")
    assert empty_answer(task, example_of()) == '{"b": null, "a": null}'
    assert empty_answer(task, asking) == '{"a": null}'


def test_an_untuned_model_is_told_every_label():
    names = tuple(f"class {n}" for n in range(77))
    told = described(Task(name="t", instruction="i", output=Labels(names=names)), example_of())[0].content
    assert all(name in told for name in names)
