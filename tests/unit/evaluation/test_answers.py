"""Kept answers: what one model was asked is not asked again, in whichever arm, run or attempt."""

import threading
import time
from contextlib import contextmanager

import pytest

from insource.evaluation.answers import Answers, KeptAnswer
from insource.evaluation.plan import ArmPlan
from insource.evaluation.run import MAX_FAILURES_IN_A_ROW, evaluate, read_journal
from insource.evaluation.scorers import build_scorer
from insource.evaluation.stage import Asking, evaluate_arm
from insource.foundation.errors import ProviderError
from insource.models.protocol import ModelInfo, Request
from insource.models.replay import ReplayModel
from insource.runs.folders import RunStore
from insource.types import (
    Arm,
    Completion,
    Dataset,
    DatasetManifest,
    Example,
    Labels,
    Message,
    Provenance,
    Task,
)

TASK = Task(name="t", instruction="i", output=Labels(names=("A", "B")), primary_metric="accuracy")


class Counting:
    """Answers A, and counts what it is asked and how often it is opened."""

    info = ModelInfo(name="m", local=False)

    def __init__(self, text="A", delay=0.0):
        self.text, self.delay, self.asked, self.opened = text, delay, [], 0
        self.lock, self.at_once, self.most = threading.Lock(), 0, 0

    @contextmanager
    def open(self):
        self.opened += 1
        yield self

    def generate(self, request):
        with self.lock:
            self.asked.append((request.messages[-1].content, request.seed))
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        time.sleep(self.delay)
        with self.lock:
            self.at_once -= 1
        return Completion(text=self.text, latency_s=0.25)


def ask(example):
    return Request(messages=(Message(role="user", content=example.input),), max_tokens=5)


def examples(count):
    return tuple(
        Example(
            row_id=f"r{n}", digest=f"{n:05}", input=f"d{n}", target="A", provenance=Provenance(source="s")
        )
        for n in range(count)
    )


def dataset(test):
    manifest = DatasetManifest(
        name="t",
        digest="d",
        source="s",
        read=len(test),
        counts={},
        dropped={},
        output=TASK.output,
        split_reason="",
    )
    return Dataset(
        splits={"train": (), "validation": (), "calibration": (), "test": test}, dropped=(), manifest=manifest
    )


def plan(model, test, identity=None, name="arm"):
    arm = Arm(name=name, model="m", kind="cloud", role="reference")
    return ArmPlan(arm=arm, examples=test, identity=identity or {"weights": "w"}, model=model.open, ask=ask)


def measured(tmp_path, plan, task=TASK, asking=None):
    given = {} if asking is None else {"asking": asking}
    return evaluate_arm(
        RunStore(tmp_path), dataset(plan.examples), task, "test", plan, build_scorer(task), **given
    )


def test_a_thousand_answered_documents_cost_no_call_when_the_scoring_changes(tmp_path):
    model, test = Counting(), examples(1000)
    first = measured(tmp_path, plan(model, test))
    assert len(model.asked) == 1000
    again = Counting()
    changed = TASK.model_copy(update={"abstain_with": ("UNSURE",)})
    found = measured(tmp_path, plan(again, test), changed)
    assert (again.asked, again.opened) == ([], 0)  # no engine starts either
    assert not found.run.skipped
    assert found.evaluation.reused == 1000
    assert [r.completion for r in found.records] == [r.completion for r in first.records]
    assert found.evaluation.latency_s["p50"].value == 0.25


def test_two_arms_that_ask_the_same_of_the_same_model_ask_once(tmp_path):
    model, test = Counting(), examples(20)
    measured(tmp_path, plan(model, test[:15], name="few"))
    measured(tmp_path, plan(model, test, name="all"))
    assert len(model.asked) == 20


def test_another_model_or_another_request_is_asked(tmp_path):
    model, test = Counting(), examples(5)
    measured(tmp_path, plan(model, test))
    other = Counting("B")
    found = measured(tmp_path, plan(other, test, {"weights": "others"}))
    assert len(other.asked) == 5
    assert found.evaluation.metrics["accuracy"].value == 0
    longer = plan(model, test, name="longer")._replace(
        ask=lambda example: ask(example).model_copy(update={"max_tokens": 6})
    )
    measured(tmp_path, longer)
    assert len(model.asked) == 10


def test_a_complete_run_is_read_back_without_its_model(tmp_path):
    model, test = Counting(), examples(5)
    measured(tmp_path, plan(model, test))
    assert measured(tmp_path, plan(model, test)).run.skipped
    assert model.opened == 1


def test_replayed_answers_are_not_kept_twice(tmp_path):
    test = examples(5)
    replay = ReplayModel("m", {ask(example).messages: "A" for example in test})

    @contextmanager
    def opened():
        yield replay

    found = measured(tmp_path, plan(Counting(), test)._replace(model=opened), asking=Asking(repeats=2))
    assert found.evaluation.metrics["accuracy"].value == 1
    assert "run_agreement" not in found.evaluation.metrics  # a replay agrees with itself
    assert not list((tmp_path / "answers").glob("*")) if (tmp_path / "answers").exists() else True


def test_the_agreement_from_run_to_run_is_measured_on_request(tmp_path):
    model, test = Counting(), examples(30)
    found = measured(tmp_path, plan(model, test), asking=Asking(repeats=2, repeat_documents=10))
    assert found.evaluation.metrics["run_agreement"].value == 1
    assert found.evaluation.metrics["run_agreement"].n == 10
    assert sorted({seed for _, seed in model.asked}) == [0, 1, 2]
    assert len(model.asked) == 30 + 20
    assert "run_agreement" not in measured(tmp_path, plan(model, test)).evaluation.metrics


@pytest.mark.parametrize("cut", [1, 7, 60])
def test_a_torn_line_is_asked_again_and_takes_no_other_with_it(tmp_path, cut):
    requests = [ask(example) for example in examples(3)]
    kept = Answers(tmp_path, {"m": "1"})
    for n, request in enumerate(requests[:2]):
        kept.keep(request, KeptAnswer(Completion(text=f"ü{n}"), n / 10))
    kept.path.write_bytes(kept.path.read_bytes()[:-cut])
    after = Answers(tmp_path, {"m": "1"})
    assert after.get(requests[0]) == KeptAnswer(Completion(text="ü0"), 0.0)
    after.keep(requests[2], KeptAnswer(Completion(text="last"), None))
    again = Answers(tmp_path, {"m": "1"})
    assert [again.get(request) is not None for request in requests] == [True, cut == 1, True]
    assert Answers(tmp_path, {"m": "2"}).get(requests[0]) is None


@pytest.mark.parametrize("workers", [1, 3, 8])
def test_answers_come_in_order_with_at_most_so_many_calls_in_flight(tmp_path, workers):
    class Slow(Counting):
        def generate(self, request):
            self.delay = 0.002 * (int(request.messages[-1].content[1:]) % 3)
            return super().generate(request)

    model, test = Slow(), examples(40)
    records = evaluate(model, test, ask, build_scorer(TASK), journal=tmp_path / "j", workers=workers)
    assert [record.row_id for record in records] == [example.row_id for example in test]
    assert list(read_journal(tmp_path / "j")) == [example.row_id for example in test]
    assert model.most <= workers
    assert model.most > 1 or workers == 1


def test_a_cloud_that_keeps_failing_is_left_alone_by_all_workers(tmp_path):
    class Down(Counting):
        def generate(self, request):
            super().generate(request)
            raise ProviderError("provider-unreachable", "no answer")

    model = Down()
    with pytest.raises(ProviderError, match="in a row"):
        evaluate(model, examples(200), ask, build_scorer(TASK), journal=tmp_path / "j", workers=4)
    assert len(model.asked) <= MAX_FAILURES_IN_A_ROW + 2 * 4


def test_cut_answers_are_failures_and_do_not_stop_the_evaluation(tmp_path):
    class Rambling(Counting):
        def generate(self, request):
            return super().generate(request).model_copy(update={"finish_reason": "length"})

    records = evaluate(Rambling(), examples(12), ask, build_scorer(TASK), journal=tmp_path / "j")
    assert {record.status for record in records} == {"failed"}
    assert all(record.reason.startswith("cut") and record.completion.text == "A" for record in records)


def test_the_latency_says_how_many_calls_were_in_flight(tmp_path):
    found = measured(tmp_path, plan(Counting(), examples(10)), asking=Asking(concurrency=3))
    assert found.evaluation.latency_s["p50"].method == "order statistics, concurrency 3"
