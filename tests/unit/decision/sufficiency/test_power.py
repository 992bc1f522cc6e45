"""What a test set can show, held against ``compare`` itself."""

import numpy as np
import pytest
from support.judged import CLOUD, TUNED, against, label_records

from insource.decision.sufficiency.power import power_of_test
from insource.evaluation.compare import compare
from insource.foundation.rng import generator


def equal_arms(documents, differing, seed):
    """Two arms that are equally good, and differ on so large a share of the documents."""
    random = generator(seed, "power")
    chance = random.random(documents)
    return against(np.where(chance < differing / 2, 1, np.where(chance < differing, -1, 0)).tolist())


def power_of(sides, margin=0.05, **others):
    return power_of_test(*sides, "accuracy", margin, **others)


def test_the_power_now_and_the_documents_for_eighty_percent():
    small, large = (power_of(equal_arms(n, 0.1, 1)) for n in (60, 1200))
    assert small.power_if_equal.value < 0.5 < 0.99 < large.power_if_equal.value
    assert small.required.expected > 60
    assert large.required.expected < 1200
    assert "too small" in small.sentence
    assert "large enough" in large.sentence
    assert small.differing.low <= 0.1 <= small.differing.high


@pytest.mark.parametrize("differing", [0.05, 0.2])
def test_compare_reaches_its_verdict_as_often_as_the_power_says(differing):
    """At the documents for 80 %, "not worse" is what ``compare`` says in about 80 % of 60 draws."""
    planned = power_of(equal_arms(4000, differing, 2)).required.expected
    outcomes = [
        compare(*equal_arms(planned, differing, 100 + seed), metric="accuracy", margin=0.05).outcome
        for seed in range(60)
    ]
    reached = np.mean([outcome in ("not worse", "better") for outcome in outcomes])
    assert reached == pytest.approx(0.8, abs=0.16)


def test_a_true_loss_leaves_less_power():
    sides = against([-1] * 30 + [0] * 570 + [1] * 5)
    found = power_of(sides)
    assert found.power_as_observed.value < found.power_if_equal.value


def test_groups_to_come_have_groups_for_units():
    groups = [f"g{at % 8}" for at in range(160)]
    found = power_of(against([(-1) ** at * (at % 5 == 0) for at in range(160)], groups), question="groups")
    assert (found.question, found.units, found.required.unit) == ("groups", 8, "groups")
    documents = power_of(against([(-1) ** at * (at % 5 == 0) for at in range(160)], groups))
    assert documents.units == 160


UNKNOWN = {
    "a simulated cloud": ("simulated", "cloud is simulated"),
    "no margin": ("margin", "the margin is zero"),
    "no groups": ("groups", "no two documents share a group"),
    "one group": ("one group", "1 groups are too few"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_cannot_be_said_has_its_reason(name):
    kind, reason = UNKNOWN[name]
    groups = ["only"] * 40 if kind == "one group" else None
    ours, theirs = against([(-1) ** at for at in range(40)], groups)
    if kind == "simulated":
        theirs = (theirs[0].model_copy(update={"simulated": True}), theirs[1])
    asked = "groups" if kind in ("groups", "one group") else "documents"
    found = power_of((ours, theirs), margin=0.0 if kind == "margin" else 0.05, question=asked)
    assert reason in found.unknown
    assert found.power_if_equal.value is None
    assert found.sentence.endswith(f"{found.unknown}.")


def test_arms_that_never_differ():
    records = label_records([True] * 50)
    found = power_of(((TUNED, records), (CLOUD, records)), margin=0.02)
    assert found.required.expected == 183  # rule of three: (1 - 0.02)^n < 0.025
    assert found.power_if_equal.value is None
