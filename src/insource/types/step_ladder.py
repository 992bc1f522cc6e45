"""What each step down costs: the tuned model from full weights to four bits, on the user's task."""

from __future__ import annotations

from insource.types.base import Frozen
from insource.types.estimate import NOT_MEASURED, Estimate


class LadderStep(Frozen):
    """One way to make or store the tuned model, under the grammar as it will be served.

    ``bytes`` is what has to be on the disk to serve it, ``memory_bytes`` the engine's peak while it answered.
    ``difference`` is this step's quality minus that of ``above``, paired by document, and ``outcome`` its
    comparison with the task's margin; both are empty on the first step. ``note`` says what a reader has to
    know, such as the types that a file fell back to.
    """

    name: str
    above: str = ""
    file_type: str = ""
    bytes: int = 0
    memory_bytes: int = 0
    quality: Estimate
    difference: Estimate = NOT_MEASURED
    outcome: str = ""
    tokens_per_s: Estimate = NOT_MEASURED
    p50_s: Estimate = NOT_MEASURED
    p95_s: Estimate = NOT_MEASURED
    note: str = ""


class SeedRun(Frozen):
    """The tuned arm trained with another seed."""

    seed: int
    quality: Estimate


class StepLadder(Frozen):
    """The steps from the best to the smallest, on ``documents`` of one split.

    ``seeds`` are repeats of the training; ``absent`` says of each step that was not measured why.
    """

    metric: str
    split: str
    documents: int
    margin: float
    steps: tuple[LadderStep, ...]
    seeds: tuple[SeedRun, ...] = ()
    absent: dict[str, str] = {}
