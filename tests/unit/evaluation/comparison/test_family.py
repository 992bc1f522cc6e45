"""Several arms against one: the primary comparison as it is, the others corrected."""

from __future__ import annotations

import pytest
from support.judged import CLOUD, label_records

from insource.evaluation.compare import Terms, compare
from insource.evaluation.comparison.family import compare_family
from insource.stats.multiplicity import holm
from insource.types import Arm

TERMS = Terms("accuracy", 0.05)
N = 200


def sides(wins, losses=10, name="arm", **options):
    """An arm that is right alone on ``wins`` documents and wrong alone on ``losses``."""
    arm = Arm(name=f"{name} {wins}", model="m", kind="label", **({"role": "candidate"} | options))
    ours = label_records([not (wins <= i < wins + losses) for i in range(N)])
    return (arm, ours), (CLOUD, label_records([i >= wins for i in range(N)]))


def test_all_but_the_primary_comparison_are_corrected():
    pairs = [sides(wins) for wins in (26, 24, 10, 0)]
    found = compare_family(pairs, TERMS, primary=("arm 24", "cloud"))
    assert [one.candidate for one in found] == ["arm 26", "arm 24", "arm 10", "arm 0"]
    assert found[1].adjusted is None
    assert found[1] == compare(*pairs[1], metric="accuracy", margin=0.05)
    assert {one.adjusted.family for one in found if one.adjusted} == {3}
    for one in (found[0], found[2], found[3]):
        assert one.adjusted.p_value >= one.p_value
        assert one.adjusted.p_not_worse >= one.p_not_worse
        low, high = one.adjusted.difference.low, one.adjusted.difference.high
        assert low <= one.difference.low or low == 0.0
        assert high >= one.difference.high or high == 0.0


def test_a_win_that_does_not_survive_the_others():
    pairs = [sides(26), *(sides(k, losses=10) for k in range(6, 16))]
    alone = compare(*pairs[0], metric="accuracy", margin=0.05)
    found = compare_family(pairs, TERMS, primary=None)[0]
    assert (alone.outcome, found.outcome) == ("better", "better")  # as it is, it stays in view
    assert found.adjusted.outcome == "not worse"
    assert found.adjusted.p_value == pytest.approx(alone.p_value * len(pairs))


def test_adjusted_p_values_are_holms_in_the_direction_of_the_difference():
    pairs = [sides(wins, losses) for wins, losses in ((40, 10), (30, 12), (12, 30))]
    found = compare_family(pairs, TERMS, primary=None)
    one_sided = [compare(*pair, metric="accuracy", margin=0.05).p_value / 2 for pair in pairs[:2]]
    expected = 2 * holm([*one_sided, 1.0])
    assert [one.adjusted.p_value for one in found[:2]] == pytest.approx(expected[:2].tolist())
    assert [one.adjusted.outcome for one in found] == ["better", "better", "worse"]


def test_simulated_and_incomparable_arms_are_not_in_the_family():
    pairs = [sides(26), sides(20), sides(16, name="simulated", simulated=True), sides(14)]
    reasons = {("arm 14", "cloud"): "its labels were copied from the cloud"}
    found = compare_family(pairs, TERMS, primary=("arm 26", "cloud"), not_comparable=reasons)
    assert [one.outcome for one in found[2:]] == [None, "not comparable"]
    assert [one.adjusted and one.adjusted.family for one in found] == [None, 1, None, None]
    assert "copied" in found[3].sentence


def test_fewer_of_what_is_bad_keeps_its_sign():
    terms = Terms("hallucination_rate", 0.05)
    clean = sides(0, 0)
    found = compare_family([clean, clean], terms, primary=None)
    assert all(one.adjusted.difference.low < 0 < one.adjusted.difference.high for one in found)
