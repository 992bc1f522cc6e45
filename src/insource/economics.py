"""What the measured arms cost, and from which volume running locally costs less."""

from __future__ import annotations

from collections.abc import Sequence

from insource.arms import TUNED
from insource.config.sections import DecisionSection
from insource.decision.cost import LocalCosts, break_even
from insource.evaluation.stage import Evaluated
from insource.types import BreakEven, Evaluation


def weigh(section: DecisionSection, evaluated: Sequence[Evaluated]) -> BreakEven:
    """The volume from which running locally costs less than the cheapest cloud with a known price."""
    clouds = [one.evaluation.arm for one in evaluated if one.evaluation.arm.kind in ("cloud", "simulated")]
    known = [arm for arm in clouds if arm.cost_per_1000_usd is not None]
    cheapest = min(known, key=lambda arm: (arm.kind == "simulated", arm.cost_per_1000_usd), default=None)
    tuned = next((one for one in evaluated if one.evaluation.arm.name == TUNED), None)
    return break_even(
        LocalCosts(**section.model_dump()),
        seconds_per_document=mean_latency_s(tuned) if tuned else None,
        cloud_per_1000_usd=cheapest.cost_per_1000_usd if cheapest else None,
        cloud_source=(cheapest.cost_basis if cheapest else "") or "not given",
    )


def mean_latency_s(one: Evaluated) -> float | None:
    """Mean seconds a document, which throughput and energy follow; None when nothing was timed."""
    seconds = [r.completion.latency_s for r in one.records if r.completion and r.completion.latency_s]
    return sum(seconds) / len(seconds) if seconds else None


def priced(section: DecisionSection, one: Evaluated) -> Evaluation:
    """A local arm's cost follows from its measured latency; a cloud arm's is given."""
    evaluation, seconds = one.evaluation, mean_latency_s(one)
    if evaluation.arm.kind in ("cloud", "simulated") or seconds is None:
        return evaluation
    costs = LocalCosts(**section.model_dump())
    update = {"cost_per_1000_usd": costs.per_1000_usd(seconds), "cost_basis": costs.basis()}
    return evaluation.model_copy(update={"arm": evaluation.arm.model_copy(update=update)})
