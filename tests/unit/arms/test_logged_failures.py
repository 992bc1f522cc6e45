"""Errors, refusals, cuts and time-outs of a logged cloud are its failures, from rows and from the log."""

import json

import pytest
from support.arms import inputs_of

from insource import build_dataset
from insource.arms.logged import plans
from insource.evaluation.scorers import build_scorer
from insource.evaluation.stage import evaluate_arm
from insource.foundation.errors import DataError, ProviderError
from insource.logs.collect import collect, logged
from insource.logs.recorder import Recorder
from insource.models.protocol import ModelInfo, Request
from insource.runs.folders import RunStore
from insource.types import SPLITS, Completion, Message

CLOUD = "openai/gpt"


def failed_rows(rows, said):
    """Forty tickets: the cloud is right on each, but on every second one its call failed as ``said``."""
    return [
        row | {"cloud_outputs": {CLOUD: said(row["output"]) if n % 2 else row["output"]}}
        for n, row in enumerate(rows.tickets(40))
    ]


def evaluated(dataset, task, folder):
    (plan,) = plans(inputs_of(task, dataset, folder))
    runs = RunStore(folder / "runs")
    return evaluate_arm(runs, dataset, task, "test", plan, build_scorer(task))


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (lambda right: None, "no answer"),
        (lambda right: {"error": "HTTP 500: overloaded"}, "error: HTTP 500: overloaded"),
        (lambda right: {"error": "timeout after 60 s", "text": right}, "error: timeout after 60 s"),
        (lambda right: {"text": right, "finish_reason": "length"}, "cut: the answer reached"),
        (lambda right: {"text": right, "finish_reason": "max_tokens"}, "cut: the answer reached"),
        (lambda right: {"text": right, "finish_reason": "MAX_TOKENS"}, "cut: the answer reached"),
        (lambda right: {"text": right, "finish_reason": "content_filter"}, "refusal: the model or"),
        (lambda right: {"text": right, "finish_reason": "refusal"}, "refusal: the model or"),
        (lambda right: {"text": None, "finish_reason": "stop"}, "no answer"),
    ],
    ids=lambda one: "" if callable(one) else one[:20],
)
def test_a_failed_call_in_the_rows_counts_as_wrong(rows, label_task, tmp_path, said, reason):
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, failed_rows(rows, said))))
    dataset = build_dataset(path, name="tickets")
    test = dataset.splits["test"]
    failed = [one for one in test if one.cloud_failures]
    assert failed
    assert len(failed) < len(test)
    found = evaluated(dataset, label_task, tmp_path)
    assert (found.evaluation.n, found.evaluation.failed) == (len(test), len(failed))
    assert found.evaluation.metrics["accuracy"].value == pytest.approx(1 - len(failed) / len(test))
    reasons = [one.reason for one in found.records if one.status == "failed"]
    assert all(one.startswith(f"call-failed: {reason}") for one in reasons)


def test_an_answer_that_ended_well_is_its_text(rows, tmp_path):
    path = tmp_path / "rows.jsonl"
    lines = failed_rows(rows, lambda right: {"text": right, "finish_reason": "stop"})
    path.write_text("\n".join(map(json.dumps, lines)))
    dataset = build_dataset(path, name="tickets")
    examples = [one for split in SPLITS for one in dataset.splits[split]]
    assert all(one.cloud_outputs == {CLOUD: one.target} for one in examples)
    assert not any(one.cloud_failures for one in examples)


@pytest.mark.parametrize("said", [3, ["billing"], {"answer": "billing"}, {"error": 500}, {"text": ["a"]}, {}])
def test_other_forms_of_an_answer_are_no_row(rows, tmp_path, said):
    path = tmp_path / "rows.jsonl"
    bad = rows.tickets(1)[0] | {"cloud_outputs": {CLOUD: said}}
    path.write_text("\n".join(map(json.dumps, [*rows.tickets(40)[1:], bad])))
    with pytest.raises(DataError) as caught:
        build_dataset(path, name="tickets")
    assert caught.value.code == "bad-rows"
    assert f"`cloud_outputs` of {CLOUD} is" in " ".join(caught.value.details)


def test_a_cloud_that_only_failed_is_measured_and_never_stops_the_run(rows, label_task, tmp_path):
    path = tmp_path / "rows.jsonl"
    lines = [row | {"cloud_outputs": {CLOUD: None}} for row in rows.tickets(80)]
    path.write_text("\n".join(map(json.dumps, lines)))
    dataset = build_dataset(path, name="tickets")
    assert len(dataset.splits["test"]) > 5  # more in a row than an outage would have
    found = evaluated(dataset, label_task, tmp_path)
    assert found.evaluation.failed == found.evaluation.n == len(dataset.splits["test"])
    assert found.evaluation.metrics["accuracy"].value == 0


class Cloud:
    """Fails as scripted, by the document; answers the others with their target."""

    info = ModelInfo(name=CLOUD, local=False)

    def __init__(self, examples, scripted):
        self.targets = {one.input: one.target for one in examples}
        self.scripted = scripted

    def generate(self, request):
        document = request.messages[-1].content
        said = self.scripted.get(document)
        if isinstance(said, Exception):
            raise said
        return Completion(text=self.targets[document], finish_reason=said or "stop", latency_s=1.0)


def ask(example):
    return Request(messages=(Message(role="user", content=example.input),), max_tokens=5)


def test_a_failed_call_in_the_log_is_a_failure_unless_a_later_one_succeeded(rows, tmp_path):
    examples = rows.examples(rows.tickets(6))
    first = [one.input for one in examples]
    scripted = {
        first[0]: ProviderError("document-refused", "content policy"),
        first[1]: "length",
        first[2]: "content_filter",
        first[3]: ProviderError("provider-timeout", "no answer in 120 s"),
        first[4]: ProviderError("provider-unreachable", "no route"),
    }
    with Recorder.open(tmp_path) as recorder:
        with pytest.raises(ProviderError, match="no route"):
            collect(Cloud(examples, scripted), examples, ask, recorder, task="t")
        recorder.flush()
        found = logged(recorder.database, examples, ask, task="t").answers
        assert [found[one.row_id][CLOUD].failure.partition(" the ")[0] for one in examples[:4]] == [
            "error: document-refused: content policy",
            "cut:",
            "refusal:",
            "error: provider-timeout: no answer in 120 s",
        ]
        assert all(found[one.row_id][CLOUD].text == "" for one in examples[:4])
        assert "t4" not in found  # an outage is not the cloud's answer to a document
        collect(Cloud(examples, {first[0]: scripted[first[0]]}), examples, ask, recorder, task="t")
        found = logged(recorder.database, examples, ask, task="t").answers
    failures = {row: one[CLOUD].failure[:7] for row, one in found.items() if one[CLOUD].failure}
    assert failures == {"t0": "error: ", "t1": "cut: th", "t2": "refusal"}
    assert found["t3"][CLOUD].text == examples[3].target


def test_a_provider_that_times_out_twice_in_a_row_stops_the_asking(rows, tmp_path):
    examples = rows.examples(rows.tickets(6))
    late = ProviderError("provider-timeout", "no answer in 120 s")
    cloud = Cloud(examples, dict.fromkeys([one.input for one in examples[1:]], late))
    with Recorder.open(tmp_path) as recorder:
        with pytest.raises(ProviderError, match="no answer in 120 s"):
            collect(cloud, examples, ask, recorder, task="t")
        recorder.flush()
        found = logged(recorder.database, examples, ask, task="t").answers
    assert sorted(found) == ["t0", "t1", "t2"]
