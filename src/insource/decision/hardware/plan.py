"""The hardware plan: a question about a model, rows and a card, answered with every figure's source."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Literal

from insource.decision.hardware.fitting import Remedy, least_bytes, longest_rows, remedies, tried
from insource.decision.hardware.inference import Serving, servings
from insource.decision.hardware.models import PlannedModel, planned_model
from insource.decision.hardware.people import calendar_days, labelling_hours
from insource.decision.hardware.question import Question
from insource.foundation.errors import PrerequisiteError, UserError
from insource.training.planned import choosing_share
from insource.training.planning.cards import Card, card_named, known_cards
from insource.training.planning.machine import Machine
from insource.training.planning.memory import GIB
from insource.training.planning.training_plan import TrainingPlan, training_plan
from insource.training.preflight import OVERRIDABLE
from insource.types import Assumption, Estimate, Frozen, TrainingSummary

AUTO = "auto"
EARLIER_RUNS = 5


class MeasuredPeak(Frozen):
    """What an earlier run of this model and method planned, and what it really took (bytes)."""

    planned_bytes: int
    peak_bytes: int


class CardOption(Frozen):
    """A card on which the training fits, with time, money and energy of the run.

    ``least_bytes`` is the least that each card needs to have free.
    """

    key: str
    name: str
    least_bytes: int
    seconds: Estimate
    usd: Estimate
    kwh: Estimate


class HardwarePlan(Frozen):
    """The answer to one question.

    ``card`` is None for this machine. ``training`` is the plan that `insource train --plan` makes, for rows
    of the lengths that were given. ``least_bytes`` is the least that it could do with, one row at a time and
    with everything that saves memory; ``longest_rows`` is the longest row in tokens that fits. ``kwh`` is
    what the run takes, ``electricity_usd`` its price; a rent, in ``training.usd``, includes it. ``options``
    are the cards that ``auto`` chose from, cheapest run first.
    """

    version: Literal[1] = 1
    model: str
    licence: str
    parameters: int
    card: Card | None
    cards_date: datetime.date
    reason: str
    training: TrainingPlan
    possible: bool
    least_bytes: int
    longest_rows: int
    remedies: tuple[Remedy, ...]
    kwh: Estimate
    electricity_usd: Estimate
    labelling_hours: Estimate
    calendar_days: Estimate
    concurrency: int
    serving: tuple[Serving, ...]
    measured: tuple[MeasuredPeak, ...]
    options: tuple[CardOption, ...]
    assumptions: tuple[Assumption, ...]


def hardware_plan(
    question: Question, this_machine: Callable[[], Machine], earlier: Sequence[TrainingSummary] = ()
) -> HardwarePlan:
    """Return the plan; ``this_machine`` is asked where no card is named, ``earlier`` are runs on it.

    Raises:
        UserError: ``card-unknown``, ``length-beyond-context``; what ``planned_model`` raises.
        PrerequisiteError: ``no-card-fits`` when ``auto`` finds none.
    """
    model = planned_model(question.model)
    _check_length(question, model)
    if not question.card:
        return _plan(question, model, this_machine(), None, "this machine; --card names another", earlier)
    elsewhere = question.section.model_copy(update={"max_memory_gb": None})
    question = question.model_copy(update={"section": elsewhere})
    if question.card != AUTO:
        card = card_named(question.card)
        return _plan(question, model, _machine(question, card), card, "given")
    options = _options(question, model)
    card = known_cards().cards[options[0].key]
    reason = (
        f"the cheapest run of the {len(options)} cards on which it fits; times are within a factor of two"
    )
    return _plan(question, model, _machine(question, card), card, reason).model_copy(
        update={"options": options}
    )


def _check_length(question: Question, model: PlannedModel) -> None:
    context, length = model.shape.context, question.workload.length
    if context and length > context:
        raise UserError(
            "length-beyond-context",
            f"Rows of {length:,} tokens do not fit into the context of {model.name}, {context:,} tokens.",
            hint=f"Use --length {context} or less, or a model with a longer context: insource models list",
        )


def _machine(question: Question, card: Card) -> Machine:
    return card.machine(question.section.processes)


def _plan(
    question: Question,
    model: PlannedModel,
    machine: Machine,
    card: Card | None,
    reason: str,
    earlier: Sequence[TrainingSummary] = (),
) -> HardwarePlan:
    training = _training(question, model, machine, card, earlier)
    possible = not training.stops
    kwh = _energy(question, training.seconds, card)
    labelling = labelling_hours(question.people)
    work = question.workload
    return HardwarePlan(
        model=model.name,
        licence=model.licence,
        parameters=model.parameters,
        card=card,
        cards_date=known_cards().date,
        reason=reason,
        training=training,
        possible=possible,
        least_bytes=least_bytes(question, model, machine),
        longest_rows=longest_rows(question, model, machine),
        remedies=() if possible else remedies(question, model, machine, card),
        kwh=kwh,
        electricity_usd=kwh.scaled(
            question.prices.kwh_usd, f"${question.prices.kwh_usd:g} a kWh for the expected energy"
        ),
        labelling_hours=labelling,
        calendar_days=calendar_days(question.people, labelling, training.seconds),
        concurrency=work.concurrency,
        serving=servings(model, machine, work.length, work.concurrency, card),
        measured=_peaks(_alike(earlier, model.name, question.section.method)),
        options=(),
        assumptions=question.assumptions(),
    )


def _training(
    question: Question,
    model: PlannedModel,
    machine: Machine,
    card: Card | None,
    earlier: Sequence[TrainingSummary] = (),
) -> TrainingPlan:
    found = tried(question, model, machine)
    alike = _alike(earlier, model.name, question.section.method)
    return training_plan(
        found.recipe,
        base_model=model.name,
        machine=machine,
        data=question.workload.rows(question.section.validation_documents),
        shape=model.shape,
        failed=found.failed,
        overridable=OVERRIDABLE,
        usd_per_hour=_usd_per_hour(question, card),
        speeds=[run.tokens_per_s for run in alike if run.tokens_per_s][:EARLIER_RUNS],
        choosing=choosing_share(question.section),
    )


def _usd_per_hour(question: Question, card: Card | None) -> float | None:
    """Return the rent of all cards, or the price of this machine: as given, else its electricity."""
    section, prices = question.section, question.prices
    if card is not None:
        rent = prices.rent_usd if prices.rent_usd is not None else card.rent_usd
        return None if rent is None else rent * section.processes
    if prices.rent_usd is not None:
        return prices.rent_usd
    if section.usd_per_hour is not None:
        return section.usd_per_hour
    return prices.machine_watts / 1000 * prices.kwh_usd


def _energy(question: Question, seconds: Estimate, card: Card | None) -> Estimate:
    prices = question.prices
    watts, what = prices.machine_watts, "this machine"
    if card is not None:
        watts = card.watts * question.section.processes + prices.host_watts
        what = f"the card's limit and {prices.host_watts:g} W beside it"
    return seconds.scaled(watts / 3.6e6, f"{watts:,.0f} W ({what}) for the expected time")


def _alike(earlier: Sequence[TrainingSummary], base: str, method: str) -> list[TrainingSummary]:
    return [run for run in earlier if (run.base_model, run.method) == (base, method)]


def _peaks(runs: Sequence[TrainingSummary]) -> tuple[MeasuredPeak, ...]:
    return tuple(
        MeasuredPeak(planned_bytes=run.planned_memory_bytes, peak_bytes=run.peak_memory_bytes)
        for run in runs[:EARLIER_RUNS]
        if run.planned_memory_bytes and run.peak_memory_bytes
    )


def _options(question: Question, model: PlannedModel) -> tuple[CardOption, ...]:
    """Return the cards on which it fits, the cheapest run first; those without a rent by their electricity.

    Raises:
        PrerequisiteError: ``no-card-fits``, with what would make it fit on the largest.
    """
    found = []
    for card in known_cards().cards.values():
        training = _training(question, model, _machine(question, card), card)
        if not training.stops:
            kwh = _energy(question, training.seconds, card)
            found.append(
                CardOption(
                    key=card.key,
                    name=card.name,
                    least_bytes=least_bytes(question, model, _machine(question, card)),
                    seconds=training.seconds,
                    usd=training.usd,
                    kwh=kwh,
                )
            )
    if not found:
        _none_fits(question, model)
    return tuple(sorted(found, key=_cost))


def _cost(option: CardOption) -> tuple[bool, float, float]:
    usd, kwh = option.usd.value, option.kwh.value
    return (usd is None, usd or 0.0, kwh or 0.0)


def _none_fits(question: Question, model: PlannedModel) -> None:
    card = list(known_cards().cards.values())[-1]
    machine = _machine(question, card)
    needed = tried(question, model, machine).recipe.memory
    ways = [f"{one.change} ({one.option})" for one in remedies(question, model, machine, card)]
    raise PrerequisiteError(
        "no-card-fits",
        f"The plan fits on no card: it needs {needed.needed / GIB:.0f} GiB, and the largest one, "
        f"{card.name}, has {card.memory_bytes / GIB:.0f} GiB.",
        details=(needed.in_words,),
        hint=f"It would fit on the {card.name} with {', or '.join(ways)}."
        if ways
        else "Use a smaller model.",
    )
