"""Answers that were bought for an evaluation, in the log of the team's own calls."""

from decimal import Decimal

from insource.config.dataset import CallsSection
from insource.dataset.sources.calls import LoggedCalls
from insource.logs.collect import has_answers
from insource.logs.paid import ARM_SOURCE, Order, bought, buy, request_key, spent_usd
from insource.logs.recorded_model import RecordedModel
from insource.logs.recorder import Recorder
from insource.models.protocol import ModelInfo, Request
from insource.store.calls.calls import find_calls
from insource.types import Completion, Message, Usage


class Decider:
    info = ModelInfo(name="v/decider", local=False)

    def generate(self, request):
        return Completion(
            text="billing",
            model="decider-2",
            usage=Usage(input_tokens=1000, output_tokens=0),
            latency_s=0.25,
            confidence=0.75,
            label_probabilities={"billing": 0.75, "technical": 0.25},
        )


def order(example):
    request = Request(messages=(Message(role="user", content=example.input),), max_tokens=1)
    key = request_key({"model": "v/decider"}, request)
    return Order(key, example, request, Decimal("0.001"), Decimal("0.002"))


def test_they_come_back_whole_and_are_no_rows_of_the_task(rows, tmp_path):
    examples = rows.examples(rows.tickets(3))
    with Recorder.open(tmp_path) as recorder:
        traffic = RecordedModel(Decider(), recorder, "t")
        traffic.generate(order(examples[0]).request)
        why = buy(
            Decider(),
            [order(one) for one in examples],
            recorder,
            task="t",
            arm="decider decisions",
            price=lambda name, usage: None,
            budget_usd=Decimal(1),
        )
        recorder.flush()
        found = bought(recorder.database, task="t", arm="decider decisions")
        assert why == ""
        assert set(found.answers) == {order(one).key for one in examples}
        assert all(one == Decider().generate(None) for one in found.answers.values())
        assert bought(recorder.database, task="t", arm="another").answers == {}
        assert spent_usd(recorder.database, task="t") == 3 * Decimal("0.001")  # an unknown cost as estimated
        assert found.per_1000_usd(found.answers) is None
        assert not has_answers(recorder.database, task="t")
        assert [call.source for call in find_calls(recorder.database)].count(ARM_SOURCE) == 3
    (row,) = LoggedCalls(tmp_path, CallsSection(), task="t")
    assert row.input == examples[0].input
