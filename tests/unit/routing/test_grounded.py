"""A model behind the engine is asked under the grammar of each document."""

import json

import pytest

from insource.matching.comparators import Comparator
from insource.models.fitted.spans.fields import Field, Taught
from insource.models.grounding.grounding import Grounding
from insource.models.grounding.values import GroundedField
from insource.models.protocol import ModelInfo, Request
from insource.routing.grounded import GroundedModel
from insource.types import Completion, JsonSchema, Labels, Message, Task

SCHEMA = {"type": "object", "properties": {"n": {"type": ["integer", "null"]}}, "required": ["n"]}
GROUNDING = Grounding((GroundedField(Field(("n",), "number", Comparator("integer")), Taught()),))


class Recording:
    info = ModelInfo(name="m", local=True)

    def __init__(self):
        self.asked = []

    def generate(self, request):
        self.asked.append(request)
        return Completion(text='{"n":5}', finish_reason="length")


def request(**settings):
    return Request(messages=(Message(role="user", content="x"),), max_tokens=9, grammar="plain", **settings)


@pytest.fixture
def inner():
    return Recording()


def grounded(inner, output=None):
    task = Task(name="t", instruction="i", output=output or JsonSchema(definition=SCHEMA))
    return GroundedModel(inner, task, GROUNDING, tokenizer=None)


def test_the_grammar_is_that_of_the_document(inner, tmp_path, monkeypatch):
    monkeypatch.setattr("insource.routing.grounded.load_tokenizer", lambda path: None)
    completion = grounded(inner).generate(request(document="7 inputs"))
    assert inner.asked[0].grammar == GROUNDING.grammar(SCHEMA, "7 inputs")
    assert "7" in json.dumps(inner.asked[0].grammar)
    assert completion.confidence == 0.0  # an answer without its end


def test_a_document_s_own_contract_counts(inner, monkeypatch):
    monkeypatch.setattr("insource.routing.grounded.load_tokenizer", lambda path: None)
    own = {"type": "object", "properties": {"other": {"type": "integer"}}}
    grounded(inner).generate(request(document="7 inputs", contract=own))
    assert inner.asked[0].grammar == GROUNDING.grammar(own, "7 inputs")


def test_a_request_without_its_document_is_passed_on(inner):
    assert grounded(inner).generate(request()).confidence is None
    assert inner.asked[0].grammar == "plain"


def test_labels_are_not_held_to_documents(inner):
    grounded(inner, Labels(names=("a", "b"))).generate(request(document="7 inputs"))
    assert inner.asked[0].grammar == "plain"


def test_it_is_the_model_that_it_asks(inner):
    assert grounded(inner).info == inner.info
