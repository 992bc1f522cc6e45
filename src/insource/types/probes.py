"""Small experiments before a decision: what they cost, which were run, and what they found."""

from __future__ import annotations

from typing import Literal

from insource.types.base import Frozen
from insource.types.estimate import NOT_MEASURED, Estimate
from insource.types.evaluation import Comparison
from insource.types.step_ladder import StepLadder
from insource.types.sufficiency import LearningCurve

ProbeName = Literal["classical curve", "larger base", "quantisations", "fine-tune curve"]
ProbeStatus = Literal["measured", "read back", "not run"]


class Probe(Frozen):
    """One experiment: what it is to cost, stated before it begins, and what became of it.

    ``reason`` says why it was not run, or what a reader has to know. ``took_s`` are the seconds it took,
    near zero when it was read back.
    """

    name: ProbeName
    what: str
    status: ProbeStatus
    seconds: Estimate = NOT_MEASURED
    usd: Estimate = NOT_MEASURED
    took_s: float = 0.0
    reason: str = ""


class LargerBase(Frozen):
    """A larger base model against the one that is trained, both prompted in the same way, on validation."""

    model: str
    than: str
    prompted: str
    comparison: Comparison


class Probes(Frozen):
    """The third depth of a decision. ``cheapest`` is what to run next, with its price, empty when all ran."""

    budget_s: float | None
    probes: tuple[Probe, ...]
    curve: LearningCurve | None = None
    quantisations: StepLadder | None = None
    larger: LargerBase | None = None
    cheapest: str = ""
