"""From rows that say how a cloud was asked, through a dataset and its evaluation, to what is unfair to it."""

from __future__ import annotations

import json

import pytest

from insource.arms.factory import CloudPrice
from insource.arms.logged import cloud_plan
from insource.dataset.build import build
from insource.evaluation.handicaps.case import Case
from insource.evaluation.handicaps.suite import find_handicaps
from insource.evaluation.scorers import build_scorer
from insource.evaluation.stage import evaluate_arm
from insource.foundation.errors import DataError
from insource.runs.folders import RunStore
from insource.types import Arm, Labels, Task

NAMES = ("billing", "delivery", "returns")


def rows(call, say=lambda n: NAMES[n % 3], **more):
    return [
        {
            "id": f"r{n}",
            "input": f"letter number {n} about {NAMES[n % 3]} of {n * 7} things",
            "output": NAMES[n % 3],
            "split": "test" if n % 2 else "train",
            "cloud_outputs": {"acme/gpt": say(n)},
            **({"cloud_calls": {"acme/gpt": call(n)}} if call else {}),
            **more,
        }
        for n in range(120)
    ]


def found(tmp_path, given):
    """The kinds of handicaps of the cloud in these rows, through the real stages."""
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, given)))
    dataset = build(path, name="t")
    task = Task(name="t", instruction="Name it.", output=Labels(names=NAMES), primary_metric="accuracy")
    test = dataset.splits["test"]
    plan = cloud_plan(task, dataset, "acme/gpt", test, CloudPrice(None, ""))
    evaluated = evaluate_arm(RunStore(tmp_path), dataset, task, "test", plan, build_scorer(task))
    case = Case(
        task=task,
        arm=evaluated.evaluation.arm,
        examples={example.row_id: example for example in test},
        records=evaluated.records,
        score=build_scorer(task),
    )
    return {one.handicap.kind: one.handicap for one in find_handicaps(case)}


def test_a_fair_cloud_has_none(tmp_path):
    asked = lambda n: {"prompt": "Labels: " + ", ".join(NAMES), "temperature": 0}  # noqa: E731 - short
    assert found(tmp_path, rows(asked)) == {}


@pytest.mark.parametrize(
    ("call", "say", "kind"),
    [
        ({"prompt": "One of: billing, delivery."}, NAMES[:2], "missing-labels"),
        (
            {"prompt": "Example: letter number 1 about delivery of 7 things => delivery."},
            NAMES,
            "test-items-in-prompt",
        ),
        ({"temperature": 0.7}, NAMES, "sampled-answers"),
        ({"finish_reason": "length"}, ("", "", ""), "no-answer"),
    ],
)
def test_what_the_rows_record_is_found(tmp_path, call, say, kind):
    given = rows(lambda n: call, lambda n: say[n % len(say)])
    assert kind in found(tmp_path, given)


def test_answers_of_two_prompts_are_told_apart(tmp_path):
    given = rows(lambda n: {"prompt_version": f"v{1 + (n > 80)}", "time": f"2026-01-0{1 + (n > 80)}"})
    handicap = found(tmp_path, given)["old-prompt"]
    assert (handicap.documents, handicap.of) == (40, 60)


def test_the_prompt_that_a_row_stores_is_what_its_clouds_were_sent(tmp_path):
    given = rows(None, lambda n: NAMES[n % 2], prompt="One of: billing, delivery.")
    assert "missing-labels" in found(tmp_path, given)


def test_a_call_that_cannot_be_read_is_an_error_with_its_row(tmp_path):
    path = tmp_path / "rows.jsonl"
    given = [*rows(None), {**rows(None)[0], "id": "x", "cloud_calls": {"acme/gpt": {"heat": 3}}}]
    path.write_text("\n".join(map(json.dumps, given)))
    with pytest.raises(DataError, match="1 of 121 rows") as error:
        build(path, name="t")
    assert "cloud_calls" in "".join(error.value.details)


def test_a_candidate_is_never_looked_at(tmp_path):
    assert (
        find_handicaps(
            Case(
                Task(name="t", instruction="i", output=Labels(names=NAMES)),
                Arm(name="t", model="t", kind="tuned"),
                {},
                (),
                lambda e, c: None,
            )
        )
        == ()
    )
