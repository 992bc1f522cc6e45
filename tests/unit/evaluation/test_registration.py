"""The registered comparison: sealed, read back, and what makes a result exploratory."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from support.judged import against

from insource.evaluation.compare import compare
from insource.evaluation.registration import opened, register, sealed, standing
from insource.foundation.errors import DataError
from insource.types import Estimate
from insource.types.comparison import Look

NOW = datetime(2026, 11, 28, 9, 30, tzinfo=UTC)
COMPARED = compare(
    *against([1, 0, 0, -1] * 20, [str(i // 8) for i in range(80)]), metric="accuracy", margin=0.02
)


class Stopped:
    def now(self):
        return NOW

    def monotonic(self):
        return 0.0


def registered(**changes):
    stated = {
        "metric": "accuracy",
        "margin": 0.02,
        "test_digest": "d1",
        "chosen": {"tuned": Estimate(value=0.9), "spans": Estimate(value=0.8)},
        "clock": Stopped(),
    } | changes
    return register(stated.pop("candidate", "tuned"), stated.pop("baseline", "cloud"), **stated)


def look(arm, minutes, run="r1"):
    return Look(arm=arm, run_id=run, at=NOW + timedelta(minutes=minutes))


AFTER = [look("tuned", 1), look("cloud", 2, "r2"), look("floor", 3, "r3")]


def test_what_was_sealed_is_read_back():
    first = registered()
    assert opened(sealed(first)) == first
    assert sealed(opened(sealed(first))) == sealed(first)
    assert json.loads(sealed(first))["registration"]["registered_at"] == "2026-11-28T09:30:00Z"


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace("0.02", "0.05"),
        lambda text: text.replace("tuned", "spans", 1),
        lambda text: text.replace("09:30", "08:30"),
        lambda text: text[:-40],
        lambda text: "",
        lambda text: "[]",
        lambda text: text.replace('"sha256"', '"md5"'),
    ],
)
def test_what_was_edited_or_cut_is_refused(edit):
    with pytest.raises(DataError) as caught:
        opened(edit(sealed(registered())))
    assert caught.value.code == "registration-changed"


def test_the_registered_comparison_is_confirmatory():
    found = standing(COMPARED, registered(), AFTER, "d1")
    assert found.kind == "confirmatory"
    assert "2026-11-28T09:30:00Z" in found.reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"candidate": "spans"}, "another candidate"),
        ({"baseline": "gpt"}, "another baseline"),
        ({"metric": "exact_match"}, "another metric"),
        ({"margin": 0.03}, "another margin"),
        ({"alpha": 0.1}, "another level"),
        ({"question": "groups"}, "another question"),
        ({"question": "groups", "group_test": "sign flip"}, "another question and another test"),
        ({"test_digest": "d0"}, "another test split"),
    ],
)
def test_another_comparison_is_exploratory(changes, reason):
    found = standing(COMPARED, registered(**changes), AFTER, "d1")
    assert found.kind == "exploratory"
    assert reason in found.reason


@pytest.mark.parametrize(
    ("looks", "reason"),
    [
        ([look("floor", -1), *AFTER], "1 run had read test documents before the registration"),
        ([look("tuned", -9), look("tuned", -8, "r0"), *AFTER], "2 runs had read"),
        ([*AFTER, look("tuned", 30, "r9")], "tuned was evaluated on test documents 2 times"),
        ([*AFTER, look("cloud", 30, "r9")], "cloud was evaluated on test documents 2 times"),
    ],
)
def test_other_looks_make_it_exploratory(looks, reason):
    found = standing(COMPARED, registered(), looks, "d1")
    assert found.kind == "exploratory"
    assert reason in found.reason


def test_the_best_of_twenty_arms_is_exploratory_and_says_so():
    found = standing(COMPARED, None, [look(f"arm {i}", i, f"r{i}") for i in range(20)], "d1")
    assert found.kind == "exploratory"
    assert "20 arms were evaluated" in found.reason


@pytest.mark.parametrize(
    ("minutes", "kind"),
    [
        (0.5, "exploratory"),  # it was registered later, and before the first look
        (5, "confirmatory"),  # it was registered when the test documents had been read
        (-5, "confirmatory"),
    ],
)
def test_of_several_registrations_the_last_before_the_first_look_decides(minutes, kind):
    """Else one could register every pair of arms, and call the one that wins confirmatory."""
    first = registered()
    later = {"candidate": "spans", "registered_at": NOW + timedelta(minutes=minutes)}
    assert standing(COMPARED, first, AFTER, "d1", [first.model_copy(update=later)]).kind == kind
