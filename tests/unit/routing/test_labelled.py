"""A model that states the probabilities of its labels: its confidence, and when it asks for none."""

import math

import pytest
from llguidance import LLTokenizer

from insource.contract.grammar import compile_grammar
from insource.models.engines.label_shares import LabelShares
from insource.models.protocol import ModelInfo, Request
from insource.routing import labelled as module
from insource.routing.labelled import LabelledModel, labelled
from insource.types import Completion, JsonSchema, Labels, Message, Task, TokenLogprob

LABELS = Labels(names=("a", "b"))
TASK = Task(name="t", instruction="i", output=LABELS)


class Engine:
    """Answers ``a`` with this probability, before the grammar; knows that it has 0.7 among the labels."""

    info = ModelInfo(name="m", local=True)

    def __init__(self, probability=0.5, other=0.25):
        top = ((ord("a"), math.log(probability)), (ord("b"), math.log(other)))
        token = TokenLogprob(id=ord("a"), bytes=b"a", logprob=math.log(probability), top=top)
        self.completion = Completion(text="a", tokens=(token,))
        self.asked = 0

    def generate(self, request):
        return self.completion

    def label_shares(self, request, labels, stop, answer):
        self.asked += 1
        return LabelShares({"a": 0.7, "b": 0.3}, 2)


@pytest.fixture(autouse=True)
def _byte_tokens(monkeypatch):
    monkeypatch.setattr(module, "tokenizer_of", lambda gguf: LLTokenizer("byte"))


def request(**settings):
    grammar = {"grammar": compile_grammar(LABELS).text} | settings
    return Request(messages=(Message(role="user", content="x"),), max_tokens=9, top_logprobs=20, **grammar)


@pytest.mark.parametrize(
    ("engine", "by_tokens", "sure"),
    [
        (Engine(), False, 0.7),
        (Engine(), True, 2 / 3),
        (Engine(0.001, 0.001), False, 0.0),  # it wanted neither
    ],
)
def test_the_confidence_is_the_share_of_the_label(engine, by_tokens, sure):
    answer = LabelledModel(engine, LABELS.names, None, by_tokens=by_tokens).generate(request())
    assert answer.confidence == pytest.approx(sure)
    assert answer.label_probabilities == {"a": 0.7, "b": 0.3}


@pytest.mark.parametrize(
    ("change", "settings"), [({}, {"grammar": None}), ({"tokens": ()}, {}), ({"finish_reason": "length"}, {})]
)
def test_nothing_is_asked_where_no_label_was_answered_under_the_grammar(change, settings):
    engine = Engine()
    engine.completion = engine.completion.model_copy(update=change | {"text": "a" if settings else "x"})
    LabelledModel(engine, LABELS.names, None, by_tokens=False).generate(request(**settings))
    assert engine.asked == 0


def test_the_cost_is_said_at_the_end():
    notes = []
    with labelled(Engine(), TASK, None, "llamacpp", notes.append) as model:
        model.generate(request())
        model.generate(request())
    assert notes == [
        "Probabilities over 2 labels took 2.00 further requests of one token a document (at most 32), "
        "over 2 documents."
    ]


@pytest.mark.parametrize(
    ("task", "engine"),
    [(TASK, "vllm"), (TASK.model_copy(update={"output": JsonSchema(definition={})}), "llamacpp")],
)
def test_other_engines_and_tasks_are_left_as_they_are(task, engine):
    plain, notes = Engine(), []
    with labelled(plain, task, None, engine, notes.append) as model:
        assert model is plain
    assert notes == []
