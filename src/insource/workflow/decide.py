"""Decide: from the log's profile, the measured arms and prices, to a verdict with ranked options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from insource.arms import cascade
from insource.arms.options import option_of, skipped_options
from insource.config.reference import AskedModel
from insource.decision.advice.decide import Made, decide_task
from insource.decision.advice.facts import Facts, Ladder, LadderArm, Offer
from insource.decision.cost import weigh
from insource.decision.economics.measured_arm import measured_arm
from insource.decision.economics.prices import MeasuredPrice, Price, UnknownPrice, logged_price
from insource.decision.economics.repriced import repriced
from insource.evaluation.compare import Terms
from insource.evaluation.comparison.equal_terms import values_of
from insource.evaluation.comparison.family import compare_family
from insource.evaluation.comparison.pairs import Side
from insource.evaluation.estimators import rate, sampling_units
from insource.evaluation.scoring.text import rests_on
from insource.evaluation.stage import Evaluated
from insource.foundation.clock import iso
from insource.foundation.version import __version__
from insource.providers.prices import PriceTable
from insource.types import BreakEven, Comparison, Dataset, Estimate, Policy, Task, Usage
from insource.types.choice import Choice
from insource.types.decided import Decision, Depth, NextExperiment, OptionKind
from insource.types.log_profile import LogProfile
from insource.types.probes import Probes
from insource.types.sufficiency import Sufficiency
from insource.workflow.cycles import cycles
from insource.workflow.judge import Judged, terms_of
from insource.workflow.machine import machine
from insource.workflow.session import Session
from insource.workflow.suffice import suffice

DAY_S = 24 * 3600
OF_ONE_TASK = ("documents_per_month", "peak_to_mean", "need_s", "quoted_usd_per_month")
"""Keys of ``[decision]`` that are about the project's task: another task of the log has its own."""


class Decided(NamedTuple):
    """The break-even volume of the chosen arm as a first look, and the decision."""

    economics: BreakEven
    decision: Decision


def decide(
    session: Session,
    dataset: Dataset,
    task: Task,
    evaluated: Sequence[Evaluated],
    judged: Judged,
    choice: Choice | None,
    policy: Policy | None = None,
) -> Decided:
    """Return the decision on the measured ladder of this walk, the log's profile aside."""
    chosen = choice.candidate if choice else None
    terms = terms_of(session, dataset, task, judged.gold)
    ladder = ladder_of(task, dataset, terms, evaluated, judged, choice, policy, session.skipped_arms)
    found = suffice(session, dataset, task, None, pair_of(evaluated, ladder))
    return Decided(
        weigh(session.config.decision, evaluated, chosen),
        decide_with(session, task.name, None, ladder, sufficiency=found, depth="ladder"),
    )


def pair_of(evaluated: Sequence[Evaluated], ladder: Ladder) -> tuple[Side, Side] | None:
    """Return the candidate and today's cloud with their records, None where one of them is missing."""
    sides = {one.evaluation.arm.name: (one.evaluation.arm, one.records) for one in evaluated}
    if ladder.chosen not in sides or ladder.today not in sides:
        return None
    return sides[ladder.chosen], sides[ladder.today]


def decide_with(
    session: Session,
    task: str,
    profile: LogProfile | None,
    ladder: Ladder | None,
    *,
    sufficiency: Sufficiency | None = None,
    probes: Probes | None = None,
    depth: Depth,
    deeper: tuple[NextExperiment, ...] = (),
    own: bool = True,
    maybe_own: bool = True,
) -> Decision:
    """Return the decision on a task from its profile in the log and its measured ladder.

    ``own``: it is the project's task, under whatever name the log has it. What the configuration says of the
    volume, the latency and the price is said of that task, and what it says of the privacy of each that it
    may be (``maybe_own``): a name that is misspelt must not send a document away.

    Raises:
        UserError: ``gate-invalid``.
    """
    facts = Facts(
        task=task,
        profile=profile,
        ladder=ladder,
        sufficiency=sufficiency,
        probes=probes,
        offers=_offers(session, profile, ladder, own=own),
        stated=_stated(session, task) if own else None,
        local_only=_stays(session, task, own=maybe_own),
        deeper=deeper,
        cycles=cycles(session) if own else (),
    )
    made = Made(
        insource_version=__version__,
        decided_at=iso(session.clock.now()),
        machine=machine(),
        command=session.command,
        depth=depth,
    )
    section = session.config.decision if own else session.config.decision.without(OF_ONE_TASK)
    return decide_task(facts, section, made, seed=session.config.project.seed)


def _stays(session: Session, task: str, *, own: bool) -> bool:
    """Return whether no document of a task may leave the machine."""
    config = session.config
    listed = config.gateway.tasks.get(task)
    same = own or task == config.task.name
    return (same and config.task.privacy == "local-only") or (
        listed is not None and listed.privacy == "local-only"
    )


def _stated(session: Session, task: str) -> Price | None:
    """Return the price of today's way as a person states it, None where nobody does."""
    reference = session.config.reference
    if reference.cost_per_1000_usd is None:
        return None
    stated = Estimate(value=reference.cost_per_1000_usd, method="stated")
    name = reference.model or f"the cloud for {task}"
    return logged_price(name, {"USD": stated}, reference.cost_source or "insource.toml")


def ladder_of(
    task: Task,
    dataset: Dataset,
    terms: Terms,
    evaluated: Sequence[Evaluated],
    judged: Judged,
    choice: Choice | None,
    policy: Policy | None,
    skipped: Mapping[str, str],
) -> Ladder:
    """Return what the arms measured on the test split, each compared with today's cloud."""
    chosen = choice.candidate if choice else None
    today = _today(evaluated, choice)
    sides: dict[str, Side] = {one.evaluation.arm.name: (one.evaluation.arm, one.records) for one in evaluated}
    against = _against_today(sides, today, terms, judged, chosen)
    return Ladder(
        arms=tuple(
            LadderArm(
                kind=option_of(one.evaluation.arm),
                evaluation=one.evaluation,
                measured=measured_arm(one.evaluation, one.records, metric=_share_right(one)),
                against=against.get(one.evaluation.arm.name),
                escalated=_escalated(one, sides, chosen, policy),
            )
            for one in evaluated
        ),
        today=today,
        chosen=chosen,
        judged=judged.comparisons,
        mixes=judged.mixes,
        gold=judged.gold,
        metric=task.primary_metric,
        skipped=skipped_options(dict(skipped)),
        train_rows=len(dataset.splits["train"]),
        test_rows=len(dataset.splits["test"]),
        rests_on=rests_on(task.primary_metric) if task.output.kind == "text" else "",
    )


def _share_right(one: Evaluated) -> str:
    """Return the metric that is the share of right documents."""
    return "exact_match" if "exact_match" in one.evaluation.metrics else "accuracy"


def _today(evaluated: Sequence[Evaluated], choice: Choice | None) -> str:
    """Return the cloud that answers today: a real one, that of the primary comparison before others."""
    clouds = [one.evaluation.arm for one in evaluated if one.evaluation.arm.role == "reference"]
    primary = choice.baseline if choice else ""
    ordered = sorted(clouds, key=lambda arm: (arm.simulated, arm.name != primary))
    return ordered[0].name if ordered else ""


def _against_today(
    sides: Mapping[str, Side], today: str, terms: Terms, judged: Judged, chosen: str | None
) -> dict[str, Comparison]:
    """Return each arm's comparison with today's cloud: the judged one of the chosen arm, the others anew.

    They are exploratory, and corrected for their number.
    """
    if today not in sides:
        return {}
    kept = next((c for c in judged.comparisons if (c.candidate, c.baseline) == (chosen, today)), None)
    found = {chosen: kept} if chosen is not None and kept is not None else {}
    cloud, fairness = sides[today], judged.fairness.get(today)
    theirs = values_of(cloud[1], terms.metric).keys()
    others = [
        side
        for name, side in sides.items()
        if name not in (today, *found) and values_of(side[1], terms.metric).keys() & theirs
    ]
    reasons = {(arm.name, today): fairness.reason for arm, _ in others if fairness and fairness.reason}
    compared = compare_family([(side, cloud) for side in others], terms, primary=None, not_comparable=reasons)
    return found | {one.candidate: one for one in compared}


def _escalated(
    one: Evaluated, sides: Mapping[str, Side], chosen: str | None, policy: Policy | None
) -> Estimate | None:
    """Return the share of the documents that the cascade hands on, on the test split."""
    local = sides.get(chosen) if chosen is not None else None
    if one.evaluation.arm.kind != cascade.NAME or policy is None or local is None:
        return None
    asked = {record.row_id for record in one.records}
    records = [record for record in local[1] if record.row_id in asked]
    handed = [0.0 if cascade.is_kept(policy, record) else 1.0 for record in records]
    return rate(handed, sampling_units([record.group for record in records]))


def _offers(
    session: Session, profile: LogProfile | None, ladder: Ladder | None, *, own: bool
) -> tuple[Offer, ...]:
    """Return what nobody measured and has a price: other models of the configuration, and a batch.

    A price that is stated for 1,000 documents is that of the project's ``own`` ones.
    """
    reference = session.config.reference
    measured = {arm.arm.model for arm in ladder.arms} if ladder else set()
    listed: list[tuple[OptionKind, AskedModel]] = [
        *(("cheaper tier", one) for one in reference.also),
        *(("decision endpoint", one) for one in reference.decisions),
    ]
    table = PriceTable(session.config.prices.models)
    offers = [
        Offer(
            kind=kind,
            name=one.model,
            price=_price(one, profile, table, input_only=kind == "decision endpoint", own=own),
            why="it was not measured on the task's documents",
        )
        for kind, one in listed
        if one.model not in measured
    ]
    need = session.config.decision.need_s if own else None
    return (*offers, *_batch(profile, table, need))


def _batch(profile: LogProfile | None, table: PriceTable, need_s: float | None) -> Iterator[Offer]:
    """Yield today's model in batches, where the list has a price for it and callers may wait a day."""
    usage = _mean_usage(profile)
    if profile is None or usage is None or (need_s is not None and need_s < DAY_S):
        return
    model = max(profile.traffic.models, key=profile.traffic.models.__getitem__, default="")
    price, now = (repriced(model, [usage], table, batch=batch) for batch in (True, False))
    if isinstance(price, UnknownPrice) or isinstance(now, UnknownPrice):
        return
    if price.usd_per_1000.value < now.usd_per_1000.value:
        named = f"{model} in batches"
        quantity = price.usd_per_1000.model_copy(update={"name": f"price of {named}"})
        why = "the same model; whether callers can wait up to a day is for you to say"
        yield Offer("batch", named, MeasuredPrice(usd_per_1000=quantity), why)


def _mean_usage(profile: LogProfile | None) -> Usage | None:
    """Return the mean tokens of a call, None where the log has none."""
    if profile is None or profile.spending.input_tokens.value is None:
        return None
    spending = profile.spending
    given = round(spending.input_tokens.value or 0)
    return Usage(
        input_tokens=given,
        cached_tokens=min(given, round(given * (spending.cached.value or 0.0))),
        output_tokens=round(spending.output_tokens.value or 0),
    )


def _price(
    section: AskedModel, profile: LogProfile | None, table: PriceTable, *, input_only: bool, own: bool
) -> Price:
    """Return what a model would cost: as stated, else the tokens of the log at the dated list prices."""
    if own and section.cost_per_1000_usd is not None:
        stated = Estimate(value=section.cost_per_1000_usd, method="stated")
        return logged_price(section.model, {"USD": stated}, section.cost_source or "insource.toml")
    usage = _mean_usage(profile)
    if usage is None:
        return UnknownPrice(reason=f"the price of {section.model}: no log says how many tokens a call has")
    return repriced(section.model, [usage], table, input_only=input_only)
