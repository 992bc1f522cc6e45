"""Hard guards: counts over the last calls of a version that stop it at once, without statistics."""

from __future__ import annotations

from collections import deque
from typing import Literal

from insource.config.rollout import RolloutSection

Outcome = Literal["valid", "invalid", "failed"]
FAILURES_IN, INVALID_IN, LATENCIES_IN, ESCALATED_IN = 50, 100, 100, 200
# An escalated share counts only from this many calls on: a version that never escalated in calibration may.
FEWEST_ESCALATED = 20
# A window of a version that escalates as calibrated trips its guard with this probability at most.
BY_CHANCE = 1e-6


class Guards:
    """The last outcomes of one version. ``tripped`` is the reason to stop it, empty while there is none.

    ``escalated`` is the share that calibration expects to go to the cloud. Not thread-safe.
    """

    def __init__(self, section: RolloutSection, escalated: float) -> None:
        self._section = section
        self._expected = escalated
        self._most_escalated = most_escalated(escalated, section.max_escalation_ratio)
        self.tripped = ""
        self.reset()

    def reset(self) -> None:
        """Forget what happened, and let the version answer again."""
        self.tripped = ""
        self._failed: deque[bool] = deque(maxlen=FAILURES_IN)
        self._invalid: deque[bool] = deque(maxlen=INVALID_IN)
        self._seconds: deque[float] = deque(maxlen=LATENCIES_IN)
        self._escalated: deque[bool] = deque(maxlen=ESCALATED_IN)

    def note(self, outcome: Outcome, seconds: float, *, escalated: bool) -> None:
        """Count one call of the version."""
        self._failed.append(outcome == "failed")
        self._invalid.append(outcome == "invalid")
        self._seconds.append(seconds)
        self._escalated.append(escalated)
        if not self.tripped:
            self.tripped = self._reason()

    def _reason(self) -> str:
        section = self._section
        if (failed := sum(self._failed)) >= section.max_failures:
            return f"{failed} of its last {len(self._failed)} calls failed"
        if (invalid := sum(self._invalid)) >= section.max_invalid:
            of = len(self._invalid)
            return f"{invalid} of its last {of} answers do not fit the contract or were cut short"
        slowest = section.max_latency_s
        if slowest is not None and len(self._seconds) == LATENCIES_IN:
            p95 = sorted(self._seconds)[int(0.95 * LATENCIES_IN) - 1]
            if p95 > slowest:
                return f"the 95th percentile of its last {LATENCIES_IN} answers is {p95:.2f} s"
        escalated = sum(self._escalated)
        if len(self._escalated) == ESCALATED_IN and escalated > self._most_escalated:
            expected = f"calibration expected {self._expected:.0%}"
            return f"{escalated} of its last {ESCALATED_IN} calls were escalated; {expected}"
        return ""


def most_escalated(expected: float, ratio: float) -> int:
    """Return how many of the last ``ESCALATED_IN`` calls may be escalated where a share of them is expected.

    ``ratio`` multiplies the odds, so that a large share can be exceeded, too. Chance alone exceeds it in one
    of a million windows at most.
    """
    from scipy.stats import binom

    if expected >= 1:
        return ESCALATED_IN
    odds = ratio * expected / (1 - expected)
    by_chance = int(binom.isf(BY_CHANCE, ESCALATED_IN, expected))
    return max(FEWEST_ESCALATED, round(ESCALATED_IN * odds / (1 + odds)), by_chance)
