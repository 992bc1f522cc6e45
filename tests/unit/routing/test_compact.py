"""A model that writes compact answers is asked, judged and read as one that writes them with their keys."""

import json
import math

import pytest
from llguidance import LLTokenizer

from insource.contract.compact_form import compact_form
from insource.contract.grammar import compile_grammar
from insource.models.protocol import ModelInfo, Request
from insource.routing.compact import CompactModel
from insource.types import Completion, JsonSchema, Message, TokenLogprob

SCHEMA = {
    "type": "object",
    "properties": {
        "no": {"type": ["string", "null"]},
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"qty": {"type": "integer"}},
                "required": ["qty"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["no", "lines"],
    "additionalProperties": False,
}
OUTPUT = JsonSchema(definition=SCHEMA)
GRAMMAR = compile_grammar(OUTPUT).text
BYTES = LLTokenizer("byte")


class Writing:
    info = ModelInfo(name="m", local=True)

    def __init__(self, text, doubts=(), **more):
        self.text, self.doubts, self.more, self.asked = text, dict(doubts), more, []

    def generate(self, request):
        self.asked.append(request)
        tokens = [self._token(place, byte) for place, byte in enumerate(self.text.encode())]
        return Completion(text=self.text, tokens=tuple(tokens), **self.more)

    def _token(self, place, byte):
        """One byte; a doubted one is as likely as the byte that is given for it."""
        other = self.doubts.get(place)
        top = [(byte, math.log(0.5 if other else 1.0))] + ([(ord(other), math.log(0.5))] if other else [])
        return TokenLogprob(id=byte, bytes=bytes((byte,)), logprob=top[0][1], top=tuple(top))


def answered(model, **request):
    asked = Request(messages=(Message(role="user", content="x"),), max_tokens=99, grammar=GRAMMAR, **request)
    return CompactModel(model, OUTPUT, lambda: BYTES).generate(asked)


def test_the_answer_has_its_keys_and_each_field_its_own_confidence():
    model = Writing('["é",[[1],[2]]]', {8: "3"})  # at byte 8 stands the first quantity
    completion = answered(model)
    assert completion.text == '{"no":"é","lines":[{"qty":1},{"qty":2}]}'
    assert model.asked[0].grammar == compact_form(OUTPUT).grammar(GRAMMAR)
    sure = {
        "no": 1.0,
        "lines[0].qty": 0.5,
        "lines[1].qty": 1.0,
        "lines[0]": 1.0,
        "lines[1]": 1.0,
        "lines": 1.0,
    }
    assert completion.field_confidences.items() <= sure.items()
    assert completion.field_confidences["lines[0].qty"] == pytest.approx(0.5)
    assert completion.confidence == pytest.approx(0.5)


def test_the_tokens_stand_for_the_answer():
    completion = answered(Writing('["é",[[1]]]'))
    assert b"".join(token.bytes for token in completion.tokens).decode() == completion.text
    assert [token.id for token in completion.tokens] == [*'["é",[[1]]]'.encode()]


def test_an_answer_without_its_end_keeps_what_there_is():
    completion = answered(Writing('["a",[[1', finish_reason="length"))
    assert completion.text == '{"no":"a","lines":[{"qty":1'
    assert completion.confidence == 0.0


@pytest.mark.parametrize("said", ['{"no":null,"lines":[]}', "no idea", "[1,2,[[3]]]"])
def test_a_text_of_another_form_stays_as_it_is(said):
    """Without a grammar a model may write anything."""
    model = Writing(said)
    asked = Request(messages=(Message(role="user", content="x"),), max_tokens=99)
    completion = CompactModel(model, OUTPUT, lambda: BYTES).generate(asked)
    assert completion.text == said


def test_an_empty_list_in_place_of_an_object_is_no_answer_and_no_crash():
    """Without a grammar a model may leave an object's values out, and no key can stand for none."""
    asked = Request(messages=(Message(role="user", content="x"),), max_tokens=99)
    completion = CompactModel(Writing('["a",[[]]]'), OUTPUT, lambda: BYTES).generate(asked)
    assert completion.text == '["a",[[]]]'


def test_a_document_s_own_contract_counts():
    own = {
        "type": "object",
        "properties": {"a": {"type": "integer"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    model = Writing("[7]")
    assert answered(model, contract=own).text == '{"a":7}'


def test_a_contract_that_leaves_keys_open_is_answered_with_keys():
    own = {"type": "object", "properties": {"a": {"type": "integer"}}}
    model = Writing('{"a":7}')
    assert json.loads(answered(model, contract=own).text) == {"a": 7}
    assert model.asked[0].grammar == GRAMMAR
