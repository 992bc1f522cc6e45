"""The ways that the log alone shows: stay in the cloud as it is, for less, or try a model of one's own."""

from __future__ import annotations

from typing import NamedTuple

from insource.decision.advice.facts import Facts, evidence
from insource.decision.advice.ways import Way
from insource.decision.economics.assumptions import Assumptions
from insource.decision.economics.options import keep, local, switch
from insource.decision.economics.prices import MeasuredPrice, Price, Saved, UnknownPrice, logged_price
from insource.decision.economics.quantities import measured
from insource.types import NOT_MEASURED, Estimate
from insource.types.decided import Evidence, OptionKind
from insource.types.log_profile import LogProfile

FROM_LOG = "the log of {days:,.0f} days"


def today_of(facts: Facts) -> str:
    """Return the name of what answers today: the measured arm, the commonest model of the log."""
    if facts.ladder is not None and facts.ladder.today:
        return facts.ladder.today
    models = facts.profile.traffic.models if facts.profile else {}
    return max(models, key=models.__getitem__) if models else "the cloud"


def price_of_today(facts: Facts) -> Price:
    """Return what a document costs today: as logged, else as the arm or a person states it, else unknown."""
    name = today_of(facts)
    if facts.profile is not None:
        per_1000, spent = facts.profile.spending.per_1000_usd, facts.profile.traffic.days
        if per_1000.measured:
            return logged_price(name, {"USD": per_1000}, FROM_LOG.format(days=spent))
    arm = facts.ladder.named(name) if facts.ladder else None
    if arm is not None and arm.arm.cost_per_1000_usd is not None:
        figure = Estimate(value=arm.arm.cost_per_1000_usd, method="stated")
        return logged_price(name, {"USD": figure}, arm.arm.cost_basis)
    if facts.stated is not None:
        return facts.stated
    why = facts.profile.spending.per_1000_usd.note if facts.profile else "nothing states it"
    return UnknownPrice(reason=f"the price of {name}: {why or 'no call has a cost'}")


def ways_in_the_cloud(facts: Facts, given: Assumptions) -> tuple[Way, ...]:
    """Return today's way, what the log says would make it cheaper, and the offers whose price is known."""
    price, today = price_of_today(facts), _keep(facts)
    found = [today]
    if facts.profile is not None and isinstance(price, MeasuredPrice):
        found += _cheaper(facts.profile, price, given, today)
    for offer in facts.offers:
        option = switch(offer.name, offer.price, given)
        found.append(Way(offer.kind, option, "open", offer.why))
    return tuple(found)


def _keep(facts: Facts) -> Way:
    arm = facts.ladder.named(facts.ladder.today) if facts.ladder else None
    option = keep(
        today_of(facts),
        price_of_today(facts),
        correct=arm.measured.correct if arm and facts.ladder and facts.ladder.checked else None,
        errors=arm.measured.errors if arm else None,
    )
    figures = []
    if facts.profile is not None:
        spending, where = facts.profile.spending, "log"
        figures = [
            evidence("spending.per_month_usd", "cost a month", spending.per_month_usd, "USD", where),
            evidence("spending.per_1000_usd", "cost of 1,000 calls", spending.per_1000_usd, "USD", where),
        ]
    p95 = arm.evaluation.latency_s.get("p95", NOT_MEASURED) if arm else NOT_MEASURED
    if not p95.measured and facts.profile is not None:
        p95 = facts.profile.waiting.p95_s
    metric = facts.ladder.metric if facts.ladder else ""
    return Way(
        kind="keep",
        option=option,
        standing="holds",
        why="it is what answers today",
        quality=arm.evaluation.metrics.get(metric, NOT_MEASURED) if arm else NOT_MEASURED,
        metric=metric,
        judged=facts.ladder.gold.kind if facts.ladder and facts.ladder.gold else "",
        p95_s=p95,
        evidence=tuple(figures),
        simulated=arm.arm.simulated if arm else False,
    )


class _Saving(NamedTuple):
    """A share of today's cost that a way saves. ``same``: its answers are today's."""

    kind: OptionKind
    name: str
    share: Estimate
    same: bool
    why: str
    figure: Evidence


def _cheaper(profile: LogProfile, price: MeasuredPrice, given: Assumptions, today: Way) -> list[Way]:
    """Return what the log says that a cache, the provider's prompt cache and a shorter prompt would save."""
    found = []
    for one in _savings(profile):
        name = f"saved by {one.name}"
        saved = measured(name, one.share, unit="of the cost", source="the log", ceiling=1)
        if saved is None or not saved.value:
            continue
        correct, errors = (today.option.correct, today.option.errors) if one.same else (None, {})
        option = switch(
            one.name, Saved(price=price, saved_share=saved), given, correct=correct, errors=errors
        )
        way = Way(one.kind, option, "holds" if one.same else "open", one.why, evidence=(one.figure,))
        if one.same:
            way = way._replace(quality=today.quality, metric=today.metric, p95_s=today.p95_s)
        found.append(way)
    return found


def _savings(profile: LogProfile) -> tuple[_Saving, ...]:
    repetition, constant, month = profile.repetition, profile.constant, profile.spending.per_month_usd
    return (
        _Saving(
            "cache",
            "a cache of exact repeats",
            repetition.exact,
            same=True,
            why="the same request gets the answer that it got before",
            figure=evidence("repetition.exact", "exact repeats", repetition.exact, "share"),
        ),
        _Saving(
            "prompt cache",
            "the provider's prompt cache",
            _part(constant.caching_usd_per_month, month),
            same=True,
            why="the answers are those of today",
            figure=evidence(
                "constant.caching_usd_per_month",
                "what the provider's cache takes off a month",
                constant.caching_usd_per_month,
                "USD",
            ),
        ),
        _Saving(
            "trim",
            "a prompt without its constant part",
            _part(constant.trimming_usd_per_month, month),
            same=False,
            why="the most that trimming can save; a shorter prompt has to be measured first",
            figure=evidence("constant.share", "constant share of the prompt", constant.share, "share"),
        ),
    )


def _part(part: Estimate, whole: Estimate) -> Estimate:
    """Return a monthly sum as a share of what a month costs, with the interval of the part."""
    if part.value is None or not whole.value:
        return Estimate(value=None, method="unknown", note=part.note or whole.note)
    return part.scaled(1 / whole.value, "share of the cost of a month")


def untried(facts: Facts, given: Assumptions) -> tuple[Way, ...]:
    """Return a classical and a tuned model of one's own as they look before they are measured.

    Their quality is that of a first look by cross-validation, where there is one; their machine time is
    assumed.
    """
    profile = facts.profile
    if profile is None or facts.ladder is not None:
        return ()
    audit = None if facts.local_only else price_of_today(facts)
    found = []
    for rung in profile.rungs:
        if rung.name == "floor":
            continue
        name = rung.name
        judged = (
            f"agreement with {rung.judged_by}" if rung.judged_by != "checked answers" else "checked answers"
        )
        option = local(name, given, machine_seconds=given.classical_seconds, audited_by=audit)
        why = f"a first look by cross-validation on {rung.rows:,} rows, judged by {rung.judged_by}"
        figure = evidence(
            f"rungs.{name}", f"{rung.metric.replace('_', ' ')} of {name}", rung.quality, "share"
        )
        found.append(
            Way(
                "classical",
                option,
                "open",
                why,
                own=True,
                quality=rung.quality,
                metric=rung.metric,
                judged=judged,
                evidence=(figure,),
            )
        )
    option = local("a tuned model", given, machine_seconds=given.tuned_seconds, audited_by=audit)
    found.append(Way("fine-tune", option, "open", "not measured; its machine time is assumed", own=True))
    return tuple(found)
