"""The second model is asked where the first is not sure enough, and both times count."""

import pytest

from insource.foundation.errors import ProviderError
from insource.models.protocol import ModelInfo, Request
from insource.routing.ways.stages import StagedModel, keep_from
from insource.types import Completion, EvalRecord, Message, Score

REQUEST = Request(messages=(Message(role="user", content="?"),), max_tokens=9)


class Saying:
    def __init__(self, name, answer, *, simulated=False):
        self.info = ModelInfo(name=name, local=True, simulated=simulated)
        self.answer, self.asked = answer, 0

    def generate(self, request):
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def said(text, sure, **more):
    return Completion(text=text, confidence=sure, latency_s=1.0, **more)


@pytest.mark.parametrize(
    ("first", "expected", "seconds"),
    [
        (said("first", 0.8), "first", 1.0),
        (said("first", 0.79), "second", 2.0),
        (said("first", None), "second", 2.0),
        (said("first", 0.9, finish_reason="length"), "second", 2.0),
        (ProviderError("call-failed", "gone", hint="Again."), "second", 1.0),
    ],
)
def test_the_first_answers_what_it_is_sure_of(first, expected, seconds):
    second = Saying("slow", said("second", 0.5))
    answer = StagedModel(Saying("quick", first), second, 0.8).generate(REQUEST)
    assert (answer.text, answer.latency_s) == (expected, seconds)
    assert second.asked == (expected == "second")


def test_it_is_named_after_both_and_simulated_if_one_is():
    both = StagedModel(Saying("quick", said("", 1)), Saying("slow", said("", 1), simulated=True), 0.5)
    assert (both.info.name, both.info.local, both.info.simulated) == ("quick, then slow", True, True)


def record(n, sure, right):
    flags = dict.fromkeys(("parsed", "repairable", "schema_valid", "canonical"), True)
    score = Score(slots=(), exact=right, **flags)
    return EvalRecord(row_id=str(n), status="scored", score=score, confidence=sure)


def test_answers_are_kept_from_where_few_enough_are_wrong_at_or_above():
    records = [
        record(n, sure, right)
        for n, (sure, right) in enumerate(
            [(0.9, True), (0.9, True), (0.8, False), (0.8, True), (0.7, True), (0.6, False), (None, True)]
        )
    ]
    assert keep_from(records, 0.2) == 0.7
    assert keep_from(records, 0.1) == 0.9
    assert keep_from(records, 0.34) == 0.6
    assert keep_from([record(0, 0.9, False)], 0.5) is None
    assert keep_from([], 0.5) is None
