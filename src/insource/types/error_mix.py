"""Why an arm is wrong: the cause of each wrong slot, and what would be gained without it."""

from __future__ import annotations

from typing import Literal

from insource.types.base import Frozen
from insource.types.estimate import NOT_MEASURED, Estimate

Cause = Literal[
    "no-answer",
    "unparseable",
    "format-only",
    "schema-invalid",
    "not-offered",
    "needs-computation",
    "label-doubtful",
    "not-in-input",
    "wrong-choice",
    "confused",
    "missed",
    "invented",
]

Lever = Literal[
    "ask again",
    "constrained decoding",
    "stay with prompts",
    "reasoning field or code",
    "fix the labels",
    "retrieval",
    "few-shot or tuning",
]


class CauseShare(Frozen):
    """The wrong slots of one cause.

    ``without`` is the metric if this cause vanished altogether: the most that its lever could gain.
    ``evidence`` shows a few slots.
    """

    cause: Cause
    lever: Lever
    slots: int
    documents: int
    without: Estimate
    evidence: tuple[str, ...] = ()


class LeverGain(Frozen):
    """The wrong slots of all causes of one lever, and the metric if they vanished."""

    lever: Lever
    slots: int
    documents: int
    without: Estimate


class ErrorMix(Frozen):
    """Every wrong slot of an arm has exactly one cause: ``wrong_slots == sum(c.slots for c in causes)``.

    ``causes`` and ``levers`` are ordered by their slots, the most first. ``dominant`` is the first cause and
    ``lever`` its lever; with nothing wrong, ``dominant`` is None and there is no reason to leave the prompt.
    """

    arm: str
    metric: str
    documents: int
    slots: int
    wrong_slots: int
    measured: Estimate = NOT_MEASURED
    causes: tuple[CauseShare, ...] = ()
    levers: tuple[LeverGain, ...] = ()
    dominant: Cause | None = None
    lever: Lever = "stay with prompts"
    sentence: str = ""
