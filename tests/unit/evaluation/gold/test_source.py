"""Only against people's labels is a figure an accuracy, and only then may a candidate beat the cloud."""

from __future__ import annotations

import pytest
from support.unfair_clouds import CLOUD, Made, example, scored

from insource.evaluation.compare import compare
from insource.evaluation.gold.source import (
    gold_source,
    same_model,
    titled,
    unchecked_disagreements,
)
from insource.evaluation.handicaps.suite import find_handicaps, weigh
from insource.types import Arm, Labels, Provenance, Task
from insource.types.gold import GoldSource

NAMES = ("a", "b", "c")
TASK = Task(name="t", instruction="i", output=Labels(names=NAMES), primary_metric="accuracy")
OTHER = {"label": "teacher", "provider": "other", "model": "claude"}
OWN = {"label": "teacher", "provider": "acme", "model": "gpt"}
CORRECTED = {"label": "checked", "human_edited": True, "provider": "acme", "model": "gpt"}


def made(ours, theirs, origins):
    """A task with these answers, and the origin of each label, which is always a."""
    examples = {
        f"r{n}": example(n, f"document {n}", "a").model_copy(
            update={"provenance": Provenance(source="s", **origins[n % len(origins)])}
        )
        for n in range(len(ours))
    }
    cloud = Made(TASK, examples, {f"r{n}": said for n, said in enumerate(theirs)})
    return cloud.case(), scored(TASK, examples, {f"r{n}": said for n, said in enumerate(ours)})


def fairness(case, ours):
    tuned = Arm(name="tuned", model="t", kind="tuned")

    def again(mine, theirs):
        return compare((tuned, mine), (CLOUD, theirs), metric="accuracy", margin=0.02)

    found = again(ours, case.records)
    return found, weigh(found, find_handicaps(case), ours, case.records, again)


@pytest.mark.parametrize(
    ("origins", "kind", "people"),
    [
        ([{}], "accuracy", 60),
        ([CORRECTED], "accuracy", 60),
        ([OTHER], "agreement", 0),
        ([{}, OWN], "agreement", 30),
    ],
)
def test_one_label_of_a_model_makes_a_figure_an_agreement(origins, kind, people):
    case, _ = made("a" * 60, "a" * 60, origins)
    found = gold_source(case.examples.values())
    assert (found.kind, found.people) == (kind, people)
    assert ("people" in found.sentence.casefold()) == (kind == "accuracy")


@pytest.mark.parametrize("metric", ["accuracy", "field_accuracy", "exact_match", "macro_f1"])
def test_agreement_is_never_titled_accuracy(metric):
    found = titled(metric, GoldSource(kind="agreement", people=0, teachers={"other/claude": 9}))
    assert "accuracy" not in found
    assert "agreement" in found
    assert "claude" in found
    assert titled(metric, GoldSource(kind="accuracy", people=9)) == metric.replace("_", " ")


@pytest.mark.parametrize("origin", [OTHER, OWN])
def test_nothing_beats_a_cloud_on_labels_that_nobody_checked(origin):
    case, ours = made("a" * 80, "ab" * 40, [origin])
    found, fair = fairness(case, ours)
    assert found.outcome == "better"
    assert not fair.comparable
    assert "review" in fair.reason


def test_labels_checked_where_the_two_differ_are_enough():
    """They answer alike on every even document: its label adds nothing to the difference."""
    case, ours = made("a" * 80, "ab" * 40, [OTHER, CORRECTED])
    assert unchecked_disagreements(case.examples, ours, case.records) == ()
    found, fair = fairness(case, ours)
    assert found.outcome == "better"
    assert fair.comparable
    assert fair.handicaps[0].remaining.documents == 80


def test_where_some_differ_unchecked_only_checked_documents_count():
    case, ours = made("a" * 80, "b" * 80, [OTHER, CORRECTED])
    assert len(unchecked_disagreements(case.examples, ours, case.records)) == 40
    _, fair = fairness(case, ours)
    assert fair.handicaps[0].remaining.documents == 40


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("openai/gpt-4o", "gpt-4o", True),
        ("openai/gpt-4o", "OpenAI/GPT-4o", True),
        ("azure/gpt-4o", "openai/gpt-4o", False),
        ("gpt-4o", "gpt-4o-mini", False),
        ("", "gpt-4o", False),
    ],
)
def test_a_model_is_known_by_its_name(one, other, same):
    assert same_model(one, other) is same
