"""Which examples are fitted, within which time, and what is said where none are."""

import json

import pytest

from insource.decision.from_log.rungs import CELLS, FEWEST, MOST_CELLS, RungBudget, judged_by
from insource.decision.from_log.samples import Sample
from insource.types import Estimate, JsonSchema, Labels, Provenance, Row, Text
from insource.types.log_profile import CheapRung

LABELS = Labels(names=("a", "b"))
OBJECTS = JsonSchema(definition={"type": "object", "properties": {"x": {"type": "string"}}})


class Fit:
    """Remembers the examples that it was given."""

    def __init__(self, error=""):
        self.given, self._error = [], error

    def __call__(self, task, examples):
        self.given.append((task, len(examples)))
        if self._error:
            raise ValueError(self._error)
        quality = Estimate(value=0.9, low=0.8, high=0.95, n=len(examples))
        return [
            CheapRung(
                name="one", metric=task.primary_metric, quality=quality, rows=len(examples), judged_by="both"
            )
        ]


def sample(count, output, length=20, label="teacher"):
    made = Provenance(source="log", label=label)
    return Sample(
        tuple(
            Row(
                line=None, row_id=f"r{n}", input=f"{n} ".ljust(length, "x"), output=output(n), provenance=made
            )
            for n in range(count)
        ),
        (),
    )


def labels(count, **fields):
    return sample(count, lambda n: "ab"[n % 2], **fields)


def objects(count, **fields):
    return sample(count, lambda n: json.dumps({"x": str(n)}), **fields)


def test_labels_are_fitted_to_the_whole_sample():
    fit = Fit()
    found = RungBudget(10, fit).measure("t", LABELS, labels(500))
    assert [one.name for one in found.rungs] == ["one"]
    assert fit.given[0][0].primary_metric == "accuracy"
    assert found.note == "cross-validated on 500 of 500 sampled answers"


@pytest.mark.parametrize(
    ("length", "fitted"),
    [(100, 500), (CELLS // 50, 50), (CELLS // 10, FEWEST), (MOST_CELLS // FEWEST + 1, None)],
)
def test_objects_are_fitted_to_as_many_documents_as_the_time_allows(length, fitted):
    fit = Fit()
    found = RungBudget(10, fit).measure("t", OBJECTS, objects(500, length=length))
    if fitted is None:
        assert not fit.given
        assert "too long" in found.note
    else:
        assert fit.given[0][1] == fitted


@pytest.mark.parametrize(
    ("output", "rows", "said"),
    [
        (LABELS, labels(0), "no usable answer"),
        (LABELS, labels(FEWEST - 1), "29 usable answers; 30 are needed"),
        (Text(), labels(100), "free text"),
        (OBJECTS, labels(100), "0 usable answers"),
    ],
)
def test_what_cannot_be_fitted_says_why(output, rows, said):
    fit = Fit()
    found = RungBudget(10, fit).measure("t", output, rows)
    assert found.rungs == ()
    assert said in found.note
    assert not fit.given


def test_a_fit_that_fails_is_said_and_its_time_counts():
    budget = RungBudget(0.0, Fit("one class"))
    assert "were spent" in budget.measure("t", LABELS, labels(100)).note
    assert "one class" in RungBudget(10, Fit("one class")).measure("t", LABELS, labels(100)).note


def test_what_has_begun_is_finished_and_the_next_task_waits():
    budget = RungBudget(1e-9, Fit())
    assert budget.measure("first", LABELS, labels(100)).rungs
    assert not budget.measure("second", LABELS, labels(100)).rungs


def test_who_judged_is_said():
    from insource.decision.from_log.rungs import _examples

    cloud, _ = _examples(LABELS, labels(3))
    people, _ = _examples(LABELS, labels(3, label="checked"))
    assert judged_by(cloud) == "cloud answers"
    assert judged_by(people) == "checked answers"
    assert judged_by(cloud + people) == "both"
