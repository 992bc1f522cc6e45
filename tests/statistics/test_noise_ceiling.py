"""A noisy gold is not a bad model: it caps what any arm is measured at, and adjudication raises the cap."""

from __future__ import annotations

import numpy as np
import pytest

from insource.evaluation.gold.ceiling import adjudicated_accuracy, label_accuracy, noise_ceiling
from insource.foundation.rng import generator
from insource.stats.intervals import wilson
from insource.types import Estimate, JsonSchema, Labels, ReviewDecision

DRAWS = pytest.mark.parametrize("draws", [150, pytest.param(2000, marks=pytest.mark.slow)])


def labelled(rng, truth, accuracy, labels):
    """What a person of this accuracy says; the wrong labels are equally likely."""
    other = (truth + rng.integers(1, labels, len(truth))) % labels
    return np.where(rng.random(len(truth)) < accuracy, truth, other)


def agreement(first, second):
    alike = int((first == second).sum())
    low, high = wilson(alike, len(first))
    return Estimate(value=alike / len(first), low=low, high=high, n=len(first), method="Wilson")


@DRAWS
@pytest.mark.parametrize(("accuracy", "labels"), [(0.85, 2), (0.9, 5), (0.8, 40), (0.97, 5)])
def test_the_interval_of_the_ceiling_holds_the_accuracy_of_the_labels(accuracy, labels, draws):
    rng = generator(20261128, f"ceiling.{accuracy}.{labels}")
    held = settled_held = 0
    for _ in range(draws):
        truth = rng.integers(labels, size=200)
        found = agreement(*(labelled(rng, truth, accuracy, labels) for _ in range(2)))
        ceiling, settled = label_accuracy(found, labels), adjudicated_accuracy(found, labels)
        held += ceiling.low <= accuracy <= ceiling.high
        settled_held += settled.low <= _settled(accuracy, labels) <= settled.high
    # Three standard errors of the simulation below the nominal 95 %.
    assert min(held, settled_held) / draws > 0.95 - 3 * (0.95 * 0.05 / draws) ** 0.5


def _settled(accuracy, labels):
    alike = accuracy**2 + (1 - accuracy) ** 2 / (labels - 1)
    return accuracy**2 + (1 - alike) * accuracy


def test_arms_are_capped_by_noise_and_freed_by_adjudication():
    rng = generator(20261128, "ceiling.arms")
    truth = rng.integers(6, size=20_000)
    first, second, third = (labelled(rng, truth, 0.9, 6) for _ in range(3))
    sample = agreement(first[:400], second[:400])
    ceiling, raised = label_accuracy(sample, 6), adjudicated_accuracy(sample, 6)
    settled = np.where(first == second, first, third)
    for quality in (0.8, 0.95, 1.0):
        arm = labelled(rng, truth, quality, 6)
        noisy, clean = (arm == first).mean(), (arm == settled).mean()
        assert noisy < ceiling.high  # not even the arm that is always right passes it
        assert noisy < clean <= raised.high
        assert clean == pytest.approx(quality, abs=0.03)
    assert (truth == first).mean() == pytest.approx(ceiling.value, abs=0.03)
    assert (truth == settled).mean() == pytest.approx(raised.value, abs=0.02)
    assert raised.low > ceiling.high


def decision(row, who, after, before="a", field=""):
    verdict = "accepted" if after == before else "edited"
    return ReviewDecision(
        row_id=row,
        field=field,
        verdict=verdict,
        before=before,
        after=after,
        who=who,
        when="2026-01-01",
        input="0",
    )


def test_the_ceiling_is_read_from_the_reviews():
    rng = generator(20261128, "ceiling.reviews")
    truth = rng.integers(4, size=300)
    said = {who: labelled(rng, truth, 0.9, 4) for who in ("ann", "bob")}
    decisions = [decision(f"r{n}", who, str(v), "0") for who in said for n, v in enumerate(said[who])]
    found = noise_ceiling(decisions, Labels(names=("0", "1", "2", "3")))
    assert found.documents == 300
    assert found.ceiling.low < 0.9 < found.ceiling.high
    assert found.ceiling.value < found.adjudicated.value
    assert "always right would be measured" in found.sentence


@pytest.mark.parametrize("decisions", [[], [decision("r", "ann", "a")]])
def test_one_label_says_nothing_of_the_noise(decisions):
    found = noise_ceiling(decisions, Labels(names=("a", "b")))
    assert (found.ceiling.measured, found.documents) == (False, 0)


def test_one_document_gives_no_narrow_ceiling():
    found = noise_ceiling([decision("r", who, "a") for who in ("ann", "bob")], Labels(names=("a", "b")))
    assert found.ceiling.value == 1.0
    assert found.ceiling.low < 0.7


def test_labels_that_agree_by_chance_only_are_worth_nothing():
    ones = [
        decision(f"r{n}", who, "a" if (n % 3 == 0) == (who == "ann") else "b")
        for n in range(60)
        for who in ("ann", "bob")
    ]
    found = noise_ceiling(ones, Labels(names=("a", "b")))
    assert found.ceiling.value is None
    assert "chance" in found.sentence


def test_each_field_has_its_ceiling():
    ones = [
        decision(f"r{n}", who, "x" if who == "bob" and n < 10 and field == "/v" else "a", field=field)
        for n in range(50)
        for who in ("ann", "bob")
        for field in ("/v", "/w")
    ]
    found = noise_ceiling(ones, JsonSchema(definition={}))
    assert found.fields["/v"].value == pytest.approx(0.8**0.5)
    assert found.fields["/w"].value == 1.0
    assert found.confirmed.value == pytest.approx(0.8)
