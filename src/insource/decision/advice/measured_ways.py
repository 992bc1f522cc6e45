"""The ways that the ladder measured: each arm as an option, judged by its comparison with today's cloud."""

from __future__ import annotations

from insource.decision.advice.cloud_ways import price_of_today
from insource.decision.advice.facts import Facts, Ladder, LadderArm, evidence
from insource.decision.advice.ways import Way
from insource.decision.economics.assumptions import Assumptions
from insource.decision.economics.options import Option, cascade, local, switch
from insource.decision.economics.prices import Price, UnknownPrice, logged_price
from insource.decision.economics.quantities import measured
from insource.types import NOT_MEASURED, Comparison, Estimate
from insource.types.decided import Evidence, Standing

RETRAINED = ("classical", "fine-tune", "hybrid")

_STANDINGS: dict[str, Standing] = {"better": "holds", "not worse": "holds", "worse": "fails"}


def measured_ways(facts: Facts, given: Assumptions) -> tuple[Way, ...]:
    """Return a way for each arm of the ladder but today's cloud and the floors."""
    ladder = facts.ladder
    if ladder is None:
        return ()
    audit = None if facts.local_only else price_of_today(facts)
    return tuple(
        _way(arm, ladder, facts, given, audit)
        for arm in ladder.arms
        if arm.name != ladder.today and arm.arm.role != "baseline" and not _imitated(arm)
    )


def _imitated(arm: LadderArm) -> bool:
    """Return whether an arm is a simulated cloud, which nobody can move to."""
    return arm.arm.simulated and arm.arm.role == "reference"


def _way(arm: LadderArm, ladder: Ladder, facts: Facts, given: Assumptions, audit: Price | None) -> Way:
    standing, why = _standing(arm, ladder)
    against = arm.against
    difference = _difference(against) if against is not None else NOT_MEASURED
    quality = arm.evaluation.metrics.get(ladder.metric, NOT_MEASURED)
    figures = [evidence(f"{arm.name}.{ladder.metric}", f"{_words(ladder)} of {arm.name}", quality, "share")]
    if against is not None:
        label = f"difference of {arm.name} to {against.baseline}"
        figures.append(evidence(f"{arm.name}.difference", label, difference, "points", where="primary"))
    if arm.escalated is not None:
        figures.append(
            evidence(f"{arm.name}.escalated", "share handed on to the cloud", arm.escalated, "share")
        )
    return Way(
        kind=arm.kind,
        option=_option(arm, ladder, facts, given, audit),
        standing=standing,
        why=why,
        own=arm.arm.local,
        quality=quality,
        metric=ladder.metric,
        judged=ladder.gold.kind if ladder.gold else "",
        difference=difference,
        p95_s=arm.evaluation.latency_s.get("p95", NOT_MEASURED),
        evidence=tuple(_measured_only(figures)),
        margin=against.margin if against is not None else None,
        simulated=arm.arm.simulated,
    )


def _measured_only(figures: list[Evidence]) -> list[Evidence]:
    return [one for one in figures if one.estimate.measured]


def _words(ladder: Ladder) -> str:
    name = ladder.metric.replace("_", " ")
    return name.replace("accuracy", "agreement") if ladder.gold and ladder.gold.kind == "agreement" else name


def _difference(against: Comparison) -> Estimate:
    return against.adjusted.difference if against.adjusted is not None else against.difference


def outcome_of(against: Comparison | None) -> str | None:
    """Return the outcome that counts: corrected, where an arm is one of several."""
    if against is None or not against.verdict_allowed:
        return None
    return against.adjusted.outcome if against.adjusted is not None else against.outcome


def _standing(arm: LadderArm, ladder: Ladder) -> tuple[Standing, str]:
    against = arm.against
    if against is None:
        return "open", f"nothing compares it with {ladder.today or 'the cloud'}"
    if not against.verdict_allowed:
        return "open", "the cloud was only simulated, and nothing is concluded from a simulation"
    outcome = outcome_of(against)
    if outcome == "not comparable":
        return "open", against.not_comparable
    chosen = arm.name == ladder.chosen
    note = "" if chosen else "; exploratory, because another arm was chosen before the test split was read"
    named = {
        "better": f"better than {against.baseline}",
        "not worse": f"not worse than {against.baseline} by more than {100 * against.margin:g} points",
        "worse": f"worse than {against.baseline}",
        "inconclusive": f"{against.n:,} test documents cannot tell it from {against.baseline}",
    }
    return _STANDINGS.get(outcome or "", "open"), f"{named.get(outcome or '', 'not settled')}{note}"


def _option(arm: LadderArm, ladder: Ladder, facts: Facts, given: Assumptions, audit: Price | None) -> Option:
    found, correct = arm.measured, arm.measured.correct if ladder.checked else None
    if arm.kind == "cascade":
        return _cascade(arm, ladder, facts, given, audit)
    if arm.arm.local:
        return local(
            arm.name,
            given,
            machine_seconds=found.machine_seconds,
            correct=correct,
            errors=found.errors,
            audited_by=audit,
            retrained=arm.kind in RETRAINED,
        )
    return switch(arm.name, _price(arm), given, correct=correct, errors=found.errors)


def _price(arm: LadderArm) -> Price:
    if arm.arm.cost_per_1000_usd is None:
        return UnknownPrice(reason=f"the price of {arm.name}: {arm.arm.cost_basis or 'nothing states it'}")
    figure = Estimate(value=arm.arm.cost_per_1000_usd, method="stated")
    return logged_price(arm.name, {"USD": figure}, arm.arm.cost_basis or "stated")


def _cascade(arm: LadderArm, ladder: Ladder, facts: Facts, given: Assumptions, audit: Price | None) -> Option:
    """Return the cascade of the chosen arm and today's cloud."""
    chosen = ladder.named(ladder.chosen)
    seconds = chosen.measured.machine_seconds if chosen is not None else None
    here = local(
        ladder.chosen or arm.name,
        given,
        machine_seconds=seconds,
        audited_by=audit,
        retrained=chosen is None or chosen.kind in RETRAINED,
    )
    share = None
    if arm.escalated is not None:
        share = measured(
            f"share that {arm.name} hands on",
            arm.escalated,
            unit="of the documents",
            source=f"replayed on {arm.evaluation.n} test documents",
            ceiling=1,
        )
    return cascade(
        arm.name,
        here,
        price_of_today(facts),
        escalated_share=share,
        correct=arm.measured.correct if ladder.checked else None,
        errors=arm.measured.errors,
    )
