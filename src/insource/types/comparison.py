"""What belongs to a comparison of two arms: its questions, the sample it needs, slices and break points."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from insource.types.base import Frozen
from insource.types.estimate import Estimate

Outcome = Literal["better", "not worse", "worse", "inconclusive", "not comparable"]

Question = Literal["documents", "groups"]
"""``documents``: on documents like these, from these groups. ``groups``: on groups to come."""

GroupTest = Literal["cluster t", "sign flip"]
"""The test that decides the question on groups to come."""


class RequiredSample(Frozen):
    """The units in all (``documents`` or ``groups``) that decide with a power of 0.8.

    ``expected`` holds if the observed difference and spread are the true ones; ``low`` and ``high`` if the
    spread is at an end of its 80 % interval.
    """

    unit: Question
    low: int
    expected: int
    high: int

    @property
    def words(self) -> str:
        """The number with its range, such as ``9 groups in all (7 to 21)``."""
        span = f" ({self.low:,} to {self.high:,})" if self.low != self.high else ""
        return f"{self.expected:,} {self.unit} in all{span}"


class OtherTest(Frozen):
    """What another valid test says to the same question; it decides nothing."""

    test: str
    p_value: float
    outcome: Outcome


class Answered(Frozen):
    """The answer to one of the two questions of a comparison.

    ``units`` counts what was sampled: documents or groups. ``difference`` and ``p_value`` are two-sided and
    from ``test``. ``p_not_worse`` is the one-sided p-value against "worse by the margin or more".
    ``weighting`` says how much a group counts.
    """

    question: Question
    units: int
    weighting: str
    difference: Estimate
    p_value: float | None
    p_not_worse: float | None
    test: str
    outcome: Outcome
    required: RequiredSample | None = None
    other_test: OtherTest | None = None
    sentence: str = ""


class SampleMix(Frozen):
    """How many test documents come from groups without training rows, against how many are expected.

    ``expected`` is the share to be expected in production, or None when nothing was known of the training
    groups. ``difference`` is the paired difference with seen and unseen groups in that share.
    """

    unseen: Estimate
    expected: float | None = None
    difference: Estimate | None = None
    sentence: str = ""


class Adjusted(Frozen):
    """A comparison among ``family`` secondary ones, after correction for their number.

    ``difference`` has the simultaneous interval: with the stated confidence, the intervals of the whole
    family hold together. ``p_value`` (two-sided) and ``p_not_worse`` (one-sided, at the margin) are adjusted;
    the outcome is read from the interval and agrees with them.
    """

    family: int
    method: str
    difference: Estimate
    p_value: float
    p_not_worse: float
    outcome: Outcome


class SliceFinding(Frozen):
    """The paired difference on one slice of the documents.

    ``kind`` is what was sliced by, such as ``length``; ``name`` is the slice in words. ``p_value`` is
    two-sided; ``q_value`` is corrected over all slices (Benjamini and Hochberg 1995). ``regression`` marks a
    *possible regression*.
    """

    kind: str
    name: str
    n: int
    candidate_value: float
    baseline_value: float
    difference: Estimate
    p_value: float | None
    q_value: float | None
    regression: bool = False


class Slices(Frozen):
    """All slices of one comparison, the worst first. ``too_small`` counts those that were left out."""

    candidate: str
    baseline: str
    metric: str
    min_n: int
    found: tuple[SliceFinding, ...]
    too_small: int = 0
    not_made: dict[str, str] = {}
    sentence: str = ""


class BreakBin(Frozen):
    """The paired difference on the documents with a difficulty in [``low``, ``high``]."""

    low: float
    high: float
    centre: float
    n: int
    difference: Estimate


BreakStatus = Literal["found", "none seen", "below throughout", "cannot be located"]


class BreakPoint(Frozen):
    """From which difficulty the candidate falls below the baseline by more than the margin.

    ``at`` is in ``unit`` and measured only when ``status`` is *found*. ``fitted`` is the monotone difference
    at the centre of each of ``points``. ``beyond`` is the share of documents from ``at`` on.
    """

    candidate: str
    baseline: str
    metric: str
    margin: float
    difficulty: str
    unit: str
    status: BreakStatus
    at: Estimate
    beyond: float | None = None
    points: tuple[BreakBin, ...] = ()
    fitted: tuple[float, ...] = ()
    sentence: str = ""


class Look(Frozen):
    """A run that evaluated an arm on test documents."""

    arm: str
    run_id: str
    at: datetime


class Registration(Frozen):
    """The one primary comparison, stated before the first look at the test split.

    ``chosen`` is the table on the validation split from which the candidate was chosen, by arm.
    """

    schema_version: int = 1
    candidate: str
    baseline: str
    metric: str
    margin: float
    alpha: float
    question: Question
    group_test: GroupTest
    test_digest: str
    chosen: dict[str, Estimate] = {}
    stop_rule: str
    registered_at: datetime


class Standing(Frozen):
    """Whether a result may be called confirmatory, and why (not)."""

    kind: Literal["confirmatory", "exploratory"]
    reason: str
