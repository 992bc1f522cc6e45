"""What is unfair to a cloud in a measurement, and what of a comparison remains without it."""

from __future__ import annotations

from typing import Literal

from insource.types.base import Frozen
from insource.types.estimate import NOT_MEASURED, Estimate

HandicapKind = Literal[
    "missing-labels",
    "spelling",
    "other-keys",
    "old-prompt",
    "no-answer",
    "teacher-labels",
    "copied-labels",
    "test-items-in-prompt",
    "sampled-answers",
]


class Remaining(Frozen):
    """The comparison without one or more handicaps: fewer documents, or the same with mended answers.

    ``cloud`` is the cloud's own figure. All are None or not measured when no document is left.
    """

    documents: int = 0
    cloud: Estimate = NOT_MEASURED
    difference: Estimate = NOT_MEASURED
    outcome: str | None = None


class Handicap(Frozen):
    """One thing that makes the measurement of a cloud unfair to it, or to those compared with it.

    ``documents`` of ``of`` are affected. ``evidence`` shows a few of them. ``aliases`` holds, by field, the
    answers that mean a value of the labels: the table that would mend them. ``agreement`` is the share of
    repeated answers that are the same. ``certain`` is false where the evidence only makes it likely;
    ``decides`` is true when the outcome of the comparison rests on it. Both are the reader's to check:
    ``sentence`` says what was found, ``next_step`` what to do.

    Examples:
        >>> from insource.types.handicap import Handicap
        >>> found = Handicap(
        ...     kind="no-answer", arm="gpt", documents=12, of=200, sentence="12 answers are cut."
        ... )
        >>> found.decides
        False
    """

    kind: HandicapKind
    arm: str
    documents: int
    of: int
    sentence: str
    next_step: str = ""
    evidence: tuple[str, ...] = ()
    aliases: dict[str, dict[str, str]] = {}
    agreement: Estimate | None = None
    certain: bool = True
    remaining: Remaining | None = None
    decides: bool = False


class Fairness(Frozen):
    """The handicaps behind one comparison, and whether its outcome may be stated.

    ``remaining`` is the comparison without all certain ones. ``reason`` is empty when the outcome stands;
    else it says why the two are *not comparable*, with the next step.
    """

    handicaps: tuple[Handicap, ...] = ()
    remaining: Remaining | None = None
    reason: str = ""

    @property
    def comparable(self) -> bool:
        return not self.reason
