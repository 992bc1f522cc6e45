"""How a checkpoint is scored by the task's metric, and how often and on how many documents that pays."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from insource.types import Estimate, Example, Frozen

SHARE = 0.2
MOST_DOCUMENTS, LEAST_DOCUMENTS = 40, 16
FINALISTS = 3
PROBED = 4


class Scored(NamedTuple):
    """A score with the seconds of the engine's start and of all answers."""

    value: Estimate
    starting_s: float
    answering_s: float


class Scoring(NamedTuple):
    """Scores adapters by ``metric``, in which a higher value times ``sign`` is better.

    ``score`` gets the folder of an adapter, validation documents and the tokens of the longest answer; it
    answers them with the engine that will serve. ``identity`` names what determines a score beside these.
    ``why_not`` says why nothing can be scored here, empty when it can.
    """

    metric: str
    sign: float
    identity: dict[str, str]
    score: Callable[[Path, Sequence[Example], int], Scored]
    why_not: str = ""


class ScoringPlan(Frozen):
    """Which checkpoints are scored, on how many documents, and why.

    ``each``: every checkpoint, when it is written. ``finalists``: the best by validation loss, at the end.
    """

    which: Literal["each", "finalists", "none"]
    documents: int = 0
    reason: str

    @property
    def kept(self) -> int:
        """How many checkpoints have to be kept beside the newest."""
        return FINALISTS if self.which == "finalists" else 1

    @property
    def value(self) -> str:
        if self.which == "none":
            return "by validation loss"
        which = "every checkpoint" if self.which == "each" else f"the best {FINALISTS} by validation loss"
        return f"{which} on {self.documents} documents"


def without_measurement(
    scoring: Scoring | None, given: int | None, available: int, evaluations: int
) -> ScoringPlan | None:
    """Return the plan where nothing has to be measured for it, else None."""
    if scoring is None or scoring.why_not:
        reason = scoring.why_not if scoring else "nothing that scores an answer was given"
        return ScoringPlan(which="none", reason=reason)
    if given == 0:
        return ScoringPlan(which="none", reason="given")
    if evaluations < 2:
        return ScoringPlan(which="none", reason="there is one checkpoint only")
    if given is not None:
        return ScoringPlan(which="each", documents=min(given, available), reason="given")
    if available < LEAST_DOCUMENTS:
        few = f"{available} validation documents are too few to tell checkpoints apart"
        return ScoringPlan(which="none", reason=few)
    return None


def plan_scoring(
    *, available: int, evaluations: int, training_s: float, starting_s: float, answer_s: float
) -> ScoringPlan:
    """Return the plan whose scoring takes at most a fifth of the training time.

    ``training_s`` is the expected time of the training, ``starting_s`` that of one start of the engine,
    ``answer_s`` that of one answer, all in seconds.
    """
    budget = SHARE * training_s

    def affordable(checkpoints: int) -> int:
        return min(available, MOST_DOCUMENTS, math.floor((budget / checkpoints - starting_s) / answer_s))

    measured = f"{answer_s:.2g} s an answer, {starting_s:.2g} s a start"
    limit = f"at most a fifth of {training_s:.0f} s"
    if (documents := affordable(evaluations)) >= LEAST_DOCUMENTS:
        return ScoringPlan(which="each", documents=documents, reason=f"{measured}: {limit}")
    if evaluations > FINALISTS and (documents := affordable(FINALISTS)) >= LEAST_DOCUMENTS:
        reason = f"{measured}: scoring all {evaluations} would take more than a fifth of {training_s:.0f} s"
        return ScoringPlan(which="finalists", documents=documents, reason=reason)
    seconds = FINALISTS * (starting_s + LEAST_DOCUMENTS * answer_s)
    reason = (
        f"{FINALISTS} checkpoints on {LEAST_DOCUMENTS} documents would take {seconds:.0f} s, "
        f"more than a fifth of {training_s:.0f} s"
    )
    return ScoringPlan(which="none", reason=reason)
