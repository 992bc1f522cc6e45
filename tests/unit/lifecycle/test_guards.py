"""Each hard guard trips at its count, and not one call before."""

import pytest
from scipy.stats import binom

from insource.config.rollout import RolloutSection
from insource.lifecycle.guards import ESCALATED_IN, LATENCIES_IN, Guards, most_escalated

SECTION = RolloutSection(max_failures=5, max_invalid=3, max_latency_s=1.0, max_escalation_ratio=2.0)


def noted(calls, escalated=0.1):
    guards = Guards(SECTION, escalated)
    for outcome, seconds, out in calls:
        guards.note(outcome, seconds, escalated=out)
    return guards.tripped


GOOD = ("valid", 0.1, False)
OVER = most_escalated(0.1, 2.0) + 1


@pytest.mark.parametrize("expected", [0.0, 0.02, 0.05, 0.3, 0.5, 0.9, 0.99])
def test_a_version_that_escalates_as_calibrated_is_not_stopped_by_chance(expected):
    most = most_escalated(expected, 2.0)
    assert binom.sf(most, ESCALATED_IN, expected) <= 1e-6
    assert most < ESCALATED_IN or expected > 0.95  # beyond, a rise cannot be told


@pytest.mark.parametrize(
    ("calls", "about"),
    [
        ([("failed", 0.1, True)] * 5, "calls failed"),
        ([("invalid", 0.1, True)] * 3, "do not fit the contract"),
        ([("valid", 2.0, False)] * LATENCIES_IN, "95th percentile"),
        ([("valid", 0.1, True)] * OVER + [GOOD] * (ESCALATED_IN - OVER), "were escalated"),
    ],
)
def test_a_guard_trips_at_its_count(calls, about):
    assert about in noted(calls)
    assert noted(calls[:-1]) == ""


@pytest.mark.parametrize(
    "calls",
    [
        [*[("failed", 0.1, True)] * 4, *[GOOD] * 50, *[("failed", 0.1, True)] * 4],
        [("valid", 2.0, False), *[GOOD] * 200],
        [*[("valid", 0.1, True)] * 20, *[GOOD] * (ESCALATED_IN - 20)],
    ],
)
def test_old_calls_and_rare_ones_do_not_count(calls):
    assert noted(calls) == ""


def test_a_policy_that_serves_nothing_may_escalate_everything():
    assert noted([("valid", 0.1, True)] * 400, escalated=1.0) == ""


def test_a_reset_forgets():
    guards = Guards(SECTION, 0.1)
    for _ in range(5):
        guards.note("failed", 0.1, escalated=True)
    guards.reset()
    assert guards.tripped == ""
