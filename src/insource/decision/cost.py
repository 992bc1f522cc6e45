"""What a document costs here and in the cloud, and the volume from which here is cheaper.

Break-even (documents a month) = fixed monthly cost / (cloud cost − local running cost of a document).
Every input that nobody measured is listed as an assumption with its source.
"""

from __future__ import annotations

from collections.abc import Sequence

from insource.config.decision import DecisionSection
from insource.decision.economics.assumptions import Assumptions, assumptions
from insource.decision.economics.flows import SECONDS_PER_MONTH, energy_usd, machine_lines
from insource.decision.economics.quantities import exact
from insource.decision.economics.valuation import Exact
from insource.evaluation.stage import Evaluated
from insource.foundation.money import show_usd
from insource.types import Arm, Assumption, BreakEven, Evaluation, Frozen


class LocalCosts(Frozen):
    """The assumptions behind the local side; see ``[decision]`` in the configuration.

    Electricity, hardware and running work are those of ``economics/flows.py``, for one machine at the stated
    values. Audits, retraining and what is paid once are not in it: ``economics/weigh.py`` has them.
    """

    given: Assumptions

    @property
    def documents_per_month(self) -> float:
        return float(self.given.documents_per_month.value)

    @property
    def fixed_monthly_usd(self) -> float:
        machine = machine_lines(self.given, Exact()).values()
        return float(sum(machine) + self.given.engineering_usd_per_month.value)

    def running_usd(self, seconds: float) -> float:
        """Electricity of ``seconds`` of work."""
        given = self.given
        return float(
            energy_usd(exact(seconds), given.power_watts.value, given.pue.value, given.kwh_usd.value)
        )

    def per_1000_usd(self, seconds_per_document: float) -> float:
        """Everything, for 1,000 documents at the configured volume."""
        fixed = self.fixed_monthly_usd / self.documents_per_month
        return 1000 * (self.running_usd(seconds_per_document) + fixed)

    def basis(self) -> str:
        """How ``per_1000_usd`` came about, in words."""
        return f"all in, at {self.documents_per_month:,.0f} documents a month"

    def assumptions(self) -> tuple[Assumption, ...]:
        given = self.given
        shared = (
            ("volume", given.documents_per_month, "documents a month"),
            ("hardware", given.hardware_usd, "USD"),
            ("rent", given.rent_usd_per_month, "USD a month"),
            ("power", given.power_watts, "W"),
            ("power drawn in all", given.pue, "times the power of the machine"),
            ("electricity", given.kwh_usd, "USD/kWh"),
            ("running work", given.engineering_usd_per_month, "USD a month"),
        )
        named = [
            found.shown().model_copy(update={"name": name, "unit": unit}) for name, found, unit in shared
        ]
        life = float(given.hardware_months)
        period = Assumption(name="written off over", value=life, unit="months", source="[decision]")
        return (*named[:2], period, *named[2:])


def local_costs(section: DecisionSection) -> LocalCosts:
    """Return the local side of ``[decision]``."""
    return LocalCosts(given=assumptions(section))


def break_even(
    costs: LocalCosts,
    *,
    seconds_per_document: float | None,
    cloud_per_1000_usd: float | None,
    cloud_source: str,
) -> BreakEven:
    """The monthly volume from which the local model costs less, or why there is none."""
    running = None if seconds_per_document is None else 1000 * costs.running_usd(seconds_per_document)
    capacity = SECONDS_PER_MONTH / seconds_per_document if seconds_per_document else None
    listed = costs.assumptions()
    if cloud_per_1000_usd is not None:
        cloud = Assumption(
            name="cloud price", value=cloud_per_1000_usd, unit="USD per 1,000 documents", source=cloud_source
        )
        listed = (cloud, *listed)
    documents, reason = _volume(costs.fixed_monthly_usd, cloud_per_1000_usd, running)
    return BreakEven(
        cloud_per_1000_usd=cloud_per_1000_usd,
        local_per_1000_usd=running,
        fixed_monthly_usd=costs.fixed_monthly_usd,
        documents_per_month=documents,
        never=cloud_per_1000_usd is not None and running is not None and documents is None,
        capacity_documents_per_month=capacity,
        reason=reason,
        sentence=_sentence(costs, documents, reason, capacity, cloud_source),
        assumptions=listed,
    )


def _volume(fixed: float, cloud: float | None, running: float | None) -> tuple[float | None, str]:
    if cloud is None:
        return None, "the cloud's price is unknown"
    if running is None:
        return None, "the local latency was not measured"
    if cloud <= running:
        return None, "the cloud costs less than the electricity of the local model"
    return fixed / (cloud - running) * 1000, "fixed cost over the saving of a document"


def _sentence(
    costs: LocalCosts, documents: float | None, reason: str, capacity: float | None, cloud_source: str
) -> str:
    if documents is None:
        return f"No break-even volume: {reason}."
    volume = costs.documents_per_month
    relation = "above" if volume >= documents else "below"
    sentence = (
        f"Running locally costs less from {documents:,.0f} documents a month; the assumed volume of "
        f"{volume:,.0f} is {relation} that (cloud price: {cloud_source})."
    )
    if capacity is not None and capacity < volume:
        sentence += f" One engine on this machine manages {capacity:,.0f} a month, less than the volume."
    return sentence + " Calls that are escalated still cost what the cloud costs, and are not counted here."


def weigh(section: DecisionSection, evaluated: Sequence[Evaluated], chosen: str | None) -> BreakEven:
    """Return the volume from which the chosen arm costs less than the cheapest cloud of known price.

    An arm that runs elsewhere has no such volume: it costs less from the first document, or never.
    """
    clouds = [one.evaluation.arm for one in evaluated if one.evaluation.arm.role == "reference"]
    known = [arm for arm in clouds if arm.cost_per_1000_usd is not None]
    cheapest = min(known, key=lambda arm: (arm.simulated, arm.cost_per_1000_usd), default=None)
    candidate = next((one for one in evaluated if one.evaluation.arm.name == chosen), None)
    price = cheapest.cost_per_1000_usd if cheapest else None
    source = (cheapest.cost_basis if cheapest else "") or "not given"
    if candidate is not None and not candidate.evaluation.arm.local:
        return _elsewhere(candidate.evaluation.arm, price, source)
    return break_even(
        local_costs(section),
        seconds_per_document=mean_latency_s(candidate) if candidate else None,
        cloud_per_1000_usd=price,
        cloud_source=source,
    )


def _elsewhere(arm: Arm, cloud: float | None, source: str) -> BreakEven:
    """Return the economics of an arm that runs elsewhere: two prices, and nothing fixed."""
    own = arm.cost_per_1000_usd
    listed = [
        Assumption(name=name, value=price, unit="USD per 1,000 documents", source=basis or "not given")
        for name, price, basis in (
            ("cloud price", cloud, source),
            (f"price of {arm.name}", own, arm.cost_basis),
        )
        if price is not None
    ]
    unknown = "the cloud's price is unknown" if cloud is None else f"the price of {arm.name} is unknown"
    never, hosted, reason = False, False, unknown
    if own is not None and cloud is not None:
        never, hosted = own > cloud, True
        reason = f"it costs {show_usd(own)} for 1,000 documents, and the cloud {show_usd(cloud)}"
    sentence = (
        reason.replace("it costs", f"{arm.name} costs", 1) if hosted else f"No saving is known: {reason}"
    )
    return BreakEven(
        cloud_per_1000_usd=cloud,
        local_per_1000_usd=None,
        fixed_monthly_usd=0.0,
        documents_per_month=None,
        never=never,
        capacity_documents_per_month=None,
        reason=reason,
        sentence=f"{sentence}.",
        assumptions=tuple(listed),
        hosted=hosted,
    )


def mean_latency_s(one: Evaluated) -> float | None:
    """Mean seconds a document, which throughput and energy follow; None when nothing was timed."""
    seconds = [r.completion.latency_s for r in one.records if r.completion and r.completion.latency_s]
    return sum(seconds) / len(seconds) if seconds else None


def priced(section: DecisionSection, one: Evaluated) -> Evaluation:
    """Return the evaluation with its cost: a local arm's follows from its latency, a cloud's is given."""
    evaluation, seconds = one.evaluation, mean_latency_s(one)
    if not evaluation.arm.local or seconds is None:
        return evaluation
    costs = local_costs(section)
    update = {"cost_per_1000_usd": costs.per_1000_usd(seconds), "cost_basis": costs.basis()}
    return evaluation.model_copy(update={"arm": evaluation.arm.model_copy(update=update)})


def priced_together(section: DecisionSection, parts: Sequence[Evaluated]) -> float | None:
    """Return what 1,000 documents cost that each of these local arms answers, one after the other.

    The result is None when one of them was not timed.
    """
    seconds = [mean_latency_s(one) for one in parts]
    known = [one for one in seconds if one is not None]
    return local_costs(section).per_1000_usd(sum(known)) if len(known) == len(seconds) else None
