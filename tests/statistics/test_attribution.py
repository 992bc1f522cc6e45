"""Anchors tell a cloud that moved from a local model that did, in streams where it is known.

Effect sizes: a silent version bump changes 30 % of the cloud's answers, a contaminating change 15 %, a local
model that degrades differs on 10 % of the calls more; before that 3 % differ, and 2 % of the cloud's answers
vary by themselves. There are 60 anchors, asked four times at first and every 600 audits, and every 100 while
it is open. The reference (arXiv 2606.15474) publishes 60 of 60 and 110 of 120, not its effect sizes.
"""

from __future__ import annotations

import numpy as np
import pytest
from support.audit_streams import decided, first
from support.moving_sides import ALPHA, ANCHORS, BASELINE_ROUNDS, Cloud, World, answer, causes

from insource.foundation.rng import generator
from insource.lifecycle.anchors.attribution import attribute
from insource.stats.e_process import log_evidence
from insource.stats.intervals import clopper_pearson

CHANGES = {
    "silent version bump": (World(cloud=0.3), "cloud", 60, 1.0),
    "contaminating change": (World(cloud=0.15), "cloud", 120, 110 / 120),
    "local model": (World(local=0.1), "local", 120, 110 / 120),
    "nothing": (World(), "none", 120, 1.0),
    "nothing, and a noisy cloud": (World(noise=0.1), "none", 60, 1.0),
}
FULL = pytest.mark.parametrize("part", [10, pytest.param(1, marks=pytest.mark.slow)])


@FULL
@pytest.mark.parametrize("name", CHANGES)
def test_what_moved_is_named(name, part):
    """A sample may miss the share by chance: then its interval still holds it."""
    world, right, runs, share = CHANGES[name]
    runs = runs // part
    found, after = causes(world, runs, generator(20261128, f"attribution.{name}.{part}"))
    low, high = clopper_pearson(found[right], runs)
    print(f"{name}: {found} of {runs}, {right} {low:.1%} to {high:.1%}; median {after:.0f} audits after")
    assert found[right] / runs >= share if part == 1 else high >= share
    if right != "local":  # what would roll back a healthy local model
        healthy = clopper_pearson(found["local"], runs)
        assert (found["local"] / runs if part == 1 else healthy.low) <= 0.05


@FULL
def test_an_unchanged_cloud_is_blamed_with_at_most_alpha_however_often_the_anchors_come_again(part):
    """After each of 30 rounds. Counting every answer as one of its own does so far more often."""
    runs = 1000 // (part * 4) if part > 1 else 1000
    random = generator(20261128, f"anchors.aa.{part}")
    blamed = naive = 0
    for _ in range(runs):
        cloud = Cloud(World(noise=0.05), random)
        checks, start = [], None
        for number in range(30):
            said, right = cloud.ask(False)
            start = said if start is None else start
            checks += [
                answer(i, number, "cloud", right[i], said[i] == start[i] if number else None)
                for i in range(ANCHORS)
            ]
        marks = np.array([check.same is False for check in checks[ANCHORS:]])
        # Against the share that differed at the second answer, as if later answers were new anchors.
        least = max(marks[:ANCHORS].mean(), 1 / ANCHORS)
        naive += log_evidence(int(marks[ANCHORS:].sum()), len(marks) - ANCHORS, least, "above") > -np.log(
            ALPHA
        )
        blamed += attribute(checks, ANCHORS, None, slo=0.05, alpha=ALPHA).cause == "cloud"
    print(f"blamed {blamed}, counting every answer {naive}, of {runs}")
    assert clopper_pearson(blamed, runs).low <= ALPHA
    assert clopper_pearson(naive, runs).low > ALPHA


def test_a_rolling_test_alarms_on_streams_without_drift():
    """What a monitor without evidence for continuous looks does: a z-test of 100 against the 500 before."""
    random = generator(20261128, "attribution.rolling")
    total = np.cumsum(random.random((200, 6000)) < 0.05, axis=1)
    now = total[:, 600:] - total[:, 500:-100]
    before = total[:, 500:-100] - total[:, :-600]
    rate = np.maximum(now + before, 1) / 600
    z = (now / 100 - before / 500) / np.sqrt(rate * (1 - rate) * (1 / 100 + 1 / 500))
    alarmed = decided(first(np.abs(z) > 1.96))
    print(f"rolling z-test: {alarmed}")
    assert alarmed.least > 0.75


def test_more_anchors_and_more_rounds_before_the_change_find_smaller_changes():
    """The evidence of one round in which the same share of anchors changed, without noise."""

    def evidence(anchors, rounds, share):
        checks = [
            answer(
                i,
                number,
                "cloud",
                True,
                None if not number else not (number == rounds and i < share * anchors),
            )
            for number in range(rounds + 1)
            for i in range(anchors)
        ]
        return attribute(checks, anchors, None, slo=0.05, alpha=ALPHA).log_changed

    assert evidence(60, 2, 0.15) < evidence(60, BASELINE_ROUNDS, 0.15) < evidence(60, 8, 0.15)
    assert evidence(40, BASELINE_ROUNDS, 0.2) < evidence(60, BASELINE_ROUNDS, 0.2)
    assert evidence(60, BASELINE_ROUNDS, 0.2) > -np.log(ALPHA)
