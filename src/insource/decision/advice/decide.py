"""Decide about a task from facts: the verdict, what rules it out, the options in order, what to try next."""

from __future__ import annotations

from typing import Any, NamedTuple

from insource.config.decision import DecisionSection
from insource.decision.advice.cloud_ways import untried, ways_in_the_cloud
from insource.decision.advice.facts import VOLUME, Facts
from insource.decision.advice.kills import kill_criteria
from insource.decision.advice.measured_ways import measured_ways
from insource.decision.advice.next_step import next_experiment
from insource.decision.advice.outcome import verdict_of
from insource.decision.advice.questions import four_questions
from insource.decision.advice.retrainings import with_cycles
from insource.decision.advice.ways import Way, not_measured, ruled_out, too_slow
from insource.decision.advice.weighing import Ranking, rank
from insource.decision.economics.assumptions import Assumptions, assumptions
from insource.decision.economics.quantities import measured
from insource.evaluation.gate import met
from insource.types.decided import Decision, Depth, GateResult, RankedOption
from insource.types.log_profile import LogProfile


class Made(NamedTuple):
    """Who decides, when and where: what a decision states of itself."""

    insource_version: str
    decided_at: str
    machine: str
    command: str = ""
    depth: Depth = "log"


def decide_task(facts: Facts, section: DecisionSection, made: Made, *, seed: int) -> Decision:
    """Return the decision on one task. The same facts, configuration and seed give the same decision.

    Raises:
        UserError: ``gate-invalid``.
        DataError: ``economics-input`` when a figure of the log or of an arm is not what it can be.
    """
    given, missing = _given(section, facts.profile)
    given = with_cycles(given, facts.cycles, section.model_fields_set)
    ways = [*ways_in_the_cloud(facts, given), *measured_ways(facts, given), *untried(facts, given)]
    ways += not_measured(ways, facts.ladder.skipped.items() if facts.ladder is not None else ())
    allowed = too_slow(ruled_out(ways, local_only=facts.local_only), section.need_s)
    ranking = rank([_without(way, missing) for way in allowed], given, seed)
    kills = kill_criteria(facts, ranking, given, section, seed)
    own = _own(ranking, facts)
    gates = _gates(section, own, ranking)
    verdict = verdict_of(facts, ranking, kills, gates, section)
    return Decision(
        **made._asdict(),
        task=facts.task,
        run_id=facts.ladder.run_id if facts.ladder is not None else "",
        verdict=verdict,
        kills=kills,
        options=ranking.options,
        headline=own.name if own is not None else "",
        reference=ranking.reference.option.name if ranking.reference.option is not None else "",
        reference_reason=ranking.reference.reason,
        excluded=tuple((one.name, one.reason) for one in ranking.reference.excluded),
        next=next_experiment(facts, ranking, kills, verdict, given),
        deeper=facts.deeper,
        questions=four_questions(facts, ranking, kills, own, section),
        gates=gates,
        leaves=facts.profile.privacy.leaves if facts.profile is not None else (),
        local_only=facts.local_only,
        simulated=any(way.simulated for way in ways),
        unknown=facts.profile.unknown() if facts.profile is not None else {},
        profile=facts.profile,
        sufficiency=facts.sufficiency,
        probes=facts.probes,
    )


def _given(section: DecisionSection, profile: LogProfile | None) -> tuple[Assumptions, tuple[str, ...]]:
    """Return the assumptions with what the log measured in their place, and what is then unknown.

    A key that a person set is kept: they may know of a change that the log does not show.
    """
    given = assumptions(section)
    if profile is None:
        return given, ()
    traffic, found = profile.traffic, {}
    missing: tuple[str, ...] = ()
    for name, estimate in (
        ("documents_per_month", traffic.per_month),
        ("peak_to_mean", traffic.peak_over_mean),
    ):
        if name in section.model_fields_set:
            continue
        unit = next(one.unit for one in given.quantities() if one.name == name)
        floor = 1 if name == "peak_to_mean" else 0
        found[name] = measured(name, estimate, unit=unit, source="the log", floor=floor)
        if found[name] is None and name == "documents_per_month":
            missing = (f"{VOLUME}: {estimate.note or 'the log does not say'}",)
    return given.measured(**found), missing


def _without(way: Way, missing: tuple[str, ...]) -> Way:
    """Return the way with what nobody knows of the volume, so that no figure rests on a guess."""
    if not missing:
        return way
    unknown = (*missing, *way.option.why_unknown)
    return way._replace(option=way.option.model_copy(update={"why_unknown": unknown}))


def _own(ranking: Ranking, facts: Facts) -> RankedOption | None:
    """Return the option whose three numbers stand at the top: the candidate, else the best of one's own."""
    chosen = facts.ladder.chosen if facts.ladder is not None else None
    candidate = next((one for one in ranking.options if one.name == chosen), None)
    if candidate is not None:
        return candidate
    # Of those that are looked at, not the bare names; one whose figures are known comes before the others.
    own = [one.way.option for one in ranking.weighed if one.way.own and one.way.option.machine_seconds]
    known = {one.name for one in own if not one.unknown()} or {one.name for one in own}
    return next((one for one in ranking.options if one.name in known), None)


def _gates(section: DecisionSection, own: RankedOption | None, ranking: Ranking) -> tuple[GateResult, ...]:
    """Return every gate with whether the option at the top meets it."""
    if not section.gates:
        return ()
    economics = own.economics if own is not None else None
    ends = ("value", "low", "high")

    def ranged(estimate: Any) -> dict[str, float | None]:
        return {end: getattr(estimate, end, None) for end in ends}

    values: dict[str, Any] = {
        "quality": ranged(own.quality if own else None),
        "difference": ranged(own.difference if own else None),
        "saves": ranged(own.saves if own else None),
        "p95_s": own.p95_s.value if own else None,
        "cost_per_1000_correct": own.cost_per_1000_correct_usd.value if own else None,
        "payback_probability": economics.payback_probability.value if economics else None,
        "break_even": economics.break_even.value if economics else None,
        "volume": economics.volume.value if economics else None,
    }
    return tuple(GateResult(expression=one, met=met(one, values, texts=False)) for one in section.gates)
