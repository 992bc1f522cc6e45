"""Asking a cloud about every document once: on the record, and never twice."""

from decimal import Decimal

import pytest

from insource.foundation.errors import ProviderError, UserError
from insource.logs.collect import collect, cost_per_1000_usd, logged
from insource.logs.recorder import Recorder
from insource.models.protocol import ModelInfo, Request
from insource.store.calls.calls import find_calls
from insource.types import Completion, Message, Usage


class Cloud:
    info = ModelInfo(name="openai/gpt-4o-mini", local=False)

    def __init__(self, refused=(), unreachable=()):
        self.refused, self.unreachable, self.asked = refused, unreachable, []

    def generate(self, request):
        document = request.messages[-1].content
        self.asked.append(document)
        if document in self.refused:
            raise ProviderError("document-refused", "content policy")
        if document in self.unreachable:
            raise ProviderError("provider-unreachable", "no route")
        usage = Usage(input_tokens=1000, output_tokens=100)
        return Completion(text=document.upper(), model=self.info.name, usage=usage, latency_s=1.5)


def ask(example):
    return Request(messages=(Message(role="user", content=example.input),), max_tokens=5)


@pytest.fixture
def examples(rows):
    return rows.examples(rows.tickets(4))


def by_row(recorder, examples):
    found = logged(recorder.database, examples, ask, task="t")
    assert not found.simulated
    return {row: models[Cloud.info.name] for row, models in found.answers.items()}


def test_every_document_is_asked_once_and_on_record(examples, tmp_path):
    cloud = Cloud()
    with Recorder.open(tmp_path) as recorder:
        assert collect(cloud, examples, ask, recorder, task="t") == 0
        calls = find_calls(recorder.database, task="t")
        found = by_row(recorder, examples)
    assert {row: answer.text for row, answer in found.items()} == {
        e.row_id: e.input.upper() for e in examples
    }
    assert found[examples[0].row_id].latency_s == 1.5
    assert sorted(call.tags["row_id"] for call in calls) == sorted(e.row_id for e in examples)


def test_a_second_walk_reads_the_log_and_pays_for_new_documents_only(examples, rows, tmp_path):
    with Recorder.open(tmp_path) as recorder:
        collect(Cloud(), examples, ask, recorder, task="t")
        first = by_row(recorder, examples)
    again, pending = Cloud(), []
    more = rows.examples(rows.tickets(5))
    with Recorder.open(tmp_path) as recorder:
        collect(again, more, ask, recorder, task="t", confirm=pending.extend)
        second = by_row(recorder, more)
    assert again.asked == [more[4].input]
    assert pending == [more[4]]
    assert {row: second[row].text for row in first} == {row: answer.text for row, answer in first.items()}


def test_a_no_sends_nothing(examples, tmp_path):
    def no(pending):
        raise UserError("not-confirmed", "no")

    cloud = Cloud()
    with Recorder.open(tmp_path) as recorder, pytest.raises(UserError):
        collect(cloud, examples, ask, recorder, task="t", confirm=no)
    assert cloud.asked == []


def test_a_refused_document_is_on_record_as_a_failure(examples, tmp_path):
    with Recorder.open(tmp_path) as recorder:
        cloud = Cloud(refused=(examples[1].input,))
        assert collect(cloud, examples, ask, recorder, task="t") == 1
        found = by_row(recorder, examples)
        calls = find_calls(recorder.database, task="t")
    assert found[examples[1].row_id].failure == "error: document-refused: content policy"
    assert len(found) == 4
    assert sorted(call.outcome for call in calls) == ["error", "ok", "ok", "ok"]


def test_a_provider_that_is_gone_stops_it_and_what_was_answered_stays(examples, tmp_path):
    with Recorder.open(tmp_path) as recorder, pytest.raises(ProviderError):
        collect(Cloud(unreachable=(examples[2].input,)), examples, ask, recorder, task="t")
    cloud = Cloud()
    with Recorder.open(tmp_path) as recorder:
        collect(cloud, examples, ask, recorder, task="t")
        assert len(by_row(recorder, examples)) == 4
    assert cloud.asked == [examples[2].input, examples[3].input]


def test_the_cost_is_the_mean_of_priced_calls_or_unknown(examples, tmp_path):
    with Recorder.open(tmp_path) as recorder:
        assert cost_per_1000_usd(recorder.database, task="t", model=Cloud.info.name) is None
        collect(Cloud(), examples, ask, recorder, task="t")
        cost, calls = cost_per_1000_usd(recorder.database, task="t", model=Cloud.info.name)
    assert calls == 4
    assert cost == 1000 * (Decimal("0.15") * 1000 + Decimal("0.60") * 100) / 1_000_000


def test_an_answer_to_another_prompt_is_no_answer(examples, tmp_path):
    def ask_otherwise(example):
        return Request(messages=(Message(role="user", content=f"Again: {example.input}"),), max_tokens=5)

    with Recorder.open(tmp_path) as recorder:
        collect(Cloud(), examples, ask, recorder, task="t")
        found = logged(recorder.database, examples, ask_otherwise, task="t")
    assert found.answers == {}


def test_a_wrong_key_stops_at_the_first_document(examples, tmp_path):
    class Locked(Cloud):
        def generate(self, request):
            self.asked.append(request)
            raise ProviderError("provider-refused", "401")

    cloud = Locked()
    with Recorder.open(tmp_path) as recorder, pytest.raises(ProviderError, match="401"):
        collect(cloud, examples, ask, recorder, task="t")
    assert len(cloud.asked) == 1
