"""Kill criteria: reasons not to train a model that are looked at before anything else."""

from __future__ import annotations

from collections.abc import Iterable

from insource.config.decision import DecisionSection
from insource.decision.advice.facts import Facts, Ladder, evidence
from insource.decision.advice.weighing import DRAWS, Ranking, number
from insource.decision.economics.assumptions import Assumptions
from insource.decision.economics.options import Option
from insource.decision.economics.quantities import Quantity, measured
from insource.decision.economics.weigh import weigh
from insource.foundation.money import show_usd
from insource.stats.intervals import wilson
from insource.types import Estimate
from insource.types.decided import Evidence, KillCriterion, OptionKind
from insource.types.error_mix import ErrorMix, Lever

BEST_CASE = "a model as good as today's that runs for nothing"
NO_ERRORS = "a model without an error that runs for nothing"
"""The best case where errors have a cost: fewer of them save money, too."""

NOISE = "doubtful labels"
INSTEAD: dict[Lever, OptionKind] = {
    "constrained decoding": "constrained decoding",
    "retrieval": "retrieval",
    "reasoning field or code": "reasoning field or code",
}
"""Levers that no training replaces, and the option that each is."""

LEVER_WORDS: dict[Lever, str] = {
    "constrained decoding": "answers that are no valid JSON, or not in the schema",
    "retrieval": "facts that do not stand in the document",
    "reasoning field or code": "values that have to be computed",
}


def kill_criteria(
    facts: Facts, ranking: Ranking, given: Assumptions, section: DecisionSection, seed: int
) -> tuple[KillCriterion, ...]:
    """Return every criterion, those that are met first."""
    found = [
        _volume(facts, ranking, given, section, seed),
        _moving(facts, section),
        _noise(facts, section),
        *_levers(facts),
    ]
    order = {True: 0, None: 1, False: 2}
    return tuple(sorted((one for one in found if one is not None), key=lambda one: order[one.met]))


def _volume(
    facts: Facts, ranking: Ranking, given: Assumptions, section: DecisionSection, seed: int
) -> KillCriterion:
    """Would even the best imaginable model pay back? If not, nothing has to be measured."""
    against = ranking.reference.option
    name = "volume"
    if facts.local_only:
        sentence = "The cloud is not allowed for this task, so its price does not decide."
        return KillCriterion(name=name, met=False, sentence=sentence)
    if against is None:
        return KillCriterion(name=name, met=None, sentence=f"Unknown: {ranking.reference.reason}.")
    if facts.is_simulated:
        sentence = "Unknown: the cloud was only simulated, and so is its price."
        return KillCriterion(name=name, met=None, sentence=sentence)
    free = _best_case(against, given)
    found = weigh(free, against, given, seed=seed, draws=DRAWS, with_tornado=False)
    paid = found.payback_probability
    if paid.value is None:
        return KillCriterion(name=name, met=None, sentence=f"Unknown: {'; '.join(found.unknown)}.")
    met = paid.value <= 1 - section.payback_probability
    month = found.against_costs.month_usd if found.against_costs is not None else None
    figures = (
        evidence("volume", "documents a month", found.volume, where="bill"),
        evidence("best_case.payback_probability", f"probability that {free.name} pays back", paid, "share"),
    )
    built = show_usd(found.costs.start_usd) if found.costs is not None else "cost"
    sentence = (
        f"{found.volume.value:,.0f} documents a month{assumed_volume(found.volume)} cost {show_usd(month)} "
        f"with {against.name}. {free.name[:1].upper()}{free.name[1:]} has paid back its {built} "
        f"within {found.horizon_months} months in {paid.value:.0%} of the draws"
    )
    after = _years(found.simple_payback_months) if met else ""
    instead: OptionKind | None = "keep" if met else None
    return KillCriterion(
        name=name,
        met=met,
        sentence=f"{sentence}{after}.",
        evidence=figures,
        instead=instead,
        flips_if=_turns(free, against, given, seed) if met else (),
    )


def _turns(free: Option, against: Option, given: Assumptions, seed: int) -> tuple[str, ...]:
    """Return from which volume, and from which price, even the best imaginable model would pay."""
    found = weigh(free, against, given, seed=seed, draws=1)
    wanted = {"documents_per_month", *(one.name for price in against.prices() for one in price.quantities())}
    return tuple(
        f"{one.input.name.replace('_', ' ').capitalize()} above {number(one.flips_above)} {one.input.unit} "
        f"(now {number(one.input.value)})."
        for one in found.tornado
        if one.input.name in wanted and one.flips_above is not None
    )


def _best_case(against: Option, given: Assumptions) -> Option:
    """Return the best model that one can imagine: built, evaluated, and then free."""
    priced = [kind for kind in against.errors if kind in given.error_usd]
    name = NO_ERRORS if priced else BEST_CASE
    none = {kind: _no_error(kind, name) for kind in priced}
    return Option(
        name=name,
        hours=(given.build_hours, given.evaluation_hours),
        correct=against.correct,
        errors={**against.errors, **none},
    )


def _no_error(kind: str, name: str) -> Quantity:
    found = measured(f"{kind} of {name}", 0.0, unit="a document", source="by definition")
    assert found is not None
    return found


def assumed_volume(volume: Estimate) -> str:
    """Return a remark on a volume that neither the log nor a person knows."""
    return " (assumed; set documents_per_month)" if volume.method.startswith("default") else ""


def _years(months: float | None) -> str:
    if months is None or months <= 0:
        return ""
    return f"; at today's volume and price it takes {months:,.0f} months, {months / 12:,.0f} years"


def _moving(facts: Facts, section: DecisionSection) -> KillCriterion | None:
    """A task whose prompt or schema changes all the time is retrained all the time."""
    if facts.profile is None:
        return None
    narrow = facts.profile.narrowness
    figures = (
        evidence("narrowness.schema_changes", "changes of the answers a quarter", narrow.schema_changes),
        evidence("narrowness.prompt_changes", "changes of the prompt a quarter", narrow.prompt_changes),
    )
    known = [one.estimate for one in figures if one.estimate.measured]
    if not known:
        note = narrow.schema_changes.note or "the log is too short"
        return KillCriterion(name="moving target", met=None, sentence=f"Unknown: {note}.", evidence=figures)
    limit = section.schema_changes_per_quarter
    most = max(known, key=_at_least)
    met = _at_least(most) > limit
    verb = "surely more than" if met else "not surely more than"
    return KillCriterion(
        name="moving target",
        met=met,
        sentence=f"Prompt or answers change {most.value:.3g} times a quarter, {verb} the {limit:g} from "
        "which a trained model is out of date before it pays.",
        evidence=figures,
        instead="keep" if met else None,
        flips_if=(f"Fewer than {limit:g} changes a quarter.",) if met else (),
    )


def _at_least(one: Estimate) -> float:
    return (one.value if one.low is None else one.low) or 0.0


def _noise(facts: Facts, section: DecisionSection) -> KillCriterion | None:
    """Labels that contradict each other teach nothing."""
    if facts.profile is None:
        return None
    data = facts.profile.data
    figures = (
        evidence("data.contradictions", "repeated inputs with several answers", data.contradictions, "share"),
        evidence("data.corrections", "answers that a person changed", data.corrections, "share"),
        evidence("data.disagreement", "repeated answers that differ", data.disagreement, "share"),
    )
    known = [one for one in figures if one.estimate.measured]
    if not known:
        sentence = "Unknown: no input was answered twice, and nobody gave feedback."
        return KillCriterion(name=NOISE, met=None, sentence=sentence, evidence=figures)
    worst = max(known, key=lambda one: one.estimate.low or 0.0)
    met = (worst.estimate.low or 0.0) > section.label_noise
    share, limit = worst.estimate.value or 0.0, section.label_noise
    verb = "surely more than" if met else "not surely more than"
    return KillCriterion(
        name=NOISE,
        met=met,
        sentence=f"{worst.what[:1].upper()}{worst.what[1:]}: {share:.1%}, {verb} the {limit:.0%} from which "
        "the labels come first.",
        evidence=figures,
    )


def _levers(facts: Facts) -> Iterable[KillCriterion]:
    """What today's way gets wrong may be what another lever mends, and training does not."""
    ladder = facts.ladder
    if ladder is None or facts.local_only:  # what may not be asked needs no mending
        return
    mix = next((one for one in ladder.mixes if one.arm == ladder.today), None)
    today = ladder.named(ladder.today)
    if mix is None or not mix.wrong_slots or today is None or today.arm.simulated:
        return
    measured = {arm.kind for arm in ladder.arms}
    for lever, option in INSTEAD.items():
        if option in measured:
            continue  # it was tried: its figures decide
        found = _lever(ladder, mix, lever, option)
        if found is not None:
            yield found


def _lever(ladder: Ladder, mix: ErrorMix, lever: Lever, option: OptionKind) -> KillCriterion | None:
    gain = next((one for one in mix.levers if one.lever == lever), None)
    if gain is None:
        return None
    share = _share(gain.slots, mix)
    most = (share.low or 0.0) > 0.5
    beyond = most and _as_good_as(ladder, mix.metric, gain.without)
    met = most and not beyond
    figures: list[Evidence] = [
        evidence(f"mix.{lever}", f"share of the errors of {mix.arm}: {LEVER_WORDS[lever]}", share, "share"),
        evidence(
            f"mix.{lever}.without", f"{mix.metric.replace('_', ' ')} without them", gain.without, "share"
        ),
    ]
    sentence = (
        f"{share.value:.0%} of what {mix.arm} gets wrong are {LEVER_WORDS[lever]}: "
        f"{'most, and ' if most else ''}{lever} mends them, and training is not needed for it."
    )
    if beyond:
        sentence += f" But {ladder.chosen} is as good as {mix.arm} would be without any of them."
    return KillCriterion(
        name=lever,
        met=met,
        sentence=sentence,
        evidence=tuple(figures),
        instead=option if met else None,
        flips_if=(f"{lever[:1].upper()}{lever[1:]}, measured: its figures decide then.",) if met else (),
    )


def _as_good_as(ladder: Ladder, metric: str, mended: Estimate) -> bool:
    """Return whether the candidate is surely within the margin of a cloud without these errors."""
    chosen = ladder.named(ladder.chosen)
    mine = chosen.evaluation.metrics.get(metric) if chosen is not None else None
    margin = chosen.against.margin if chosen is not None and chosen.against is not None else 0.0
    if mine is None or mine.low is None or mended.value is None:
        return False
    return mine.low >= mended.value - margin


def _share(part: int, mix: ErrorMix) -> Estimate:
    """Return a share of the wrong slots. The slots of one document go wrong together: its interval is that
    of as many documents as surely have one."""
    value = part / mix.wrong_slots
    units = min(mix.wrong_slots, max(one.documents for one in mix.levers))
    ends = wilson(value * units, units)
    return Estimate(
        value=value,
        low=min(ends.low, value),
        high=max(ends.high, value),
        n=units,
        method="Wilson",
        note="documents with a wrong slot as the units",
    )
