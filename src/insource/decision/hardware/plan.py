"""The hardware plan: a question about a model, rows and a card, answered with every figure's source."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Literal

from insource.decision.hardware.fitting import Remedy, least_bytes, longest_rows, remedies
from insource.decision.hardware.inference import Serving, servings
from insource.decision.hardware.models import PlannedModel, planned_model
from insource.decision.hardware.options import CardOption, card_options
from insource.decision.hardware.people import calendar_days, labelling_hours
from insource.decision.hardware.question import Question
from insource.decision.hardware.run import EARLIER_RUNS, machine_of, planned_run
from insource.foundation.errors import UserError
from insource.training.planning.cards import Card, card_named, known_cards
from insource.training.planning.machine import Machine
from insource.training.planning.training_plan import TrainingPlan
from insource.types import Assumption, Estimate, Frozen, TrainingSummary

AUTO = "auto"


class MeasuredPeak(Frozen):
    """What an earlier run of this model and method planned, and what it really took (bytes)."""

    planned_bytes: int
    peak_bytes: int


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
        return _plan(question, model, machine_of(question, card), card, "given")
    options = card_options(question, model)
    card = known_cards().cards[options[0].key]
    reason = (
        f"the cheapest run of the {len(options)} cards on which it fits; times are within a factor of two"
    )
    return _plan(question, model, machine_of(question, card), card, reason).model_copy(
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


def _plan(
    question: Question,
    model: PlannedModel,
    machine: Machine,
    card: Card | None,
    reason: str,
    earlier: Sequence[TrainingSummary] = (),
) -> HardwarePlan:
    alike = [run for run in earlier if (run.base_model, run.method) == (model.name, question.section.method)]
    training, kwh = planned_run(question, model, machine, card, alike)
    possible = not training.stops
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
        measured=_peaks(alike),
        options=(),
        assumptions=question.assumptions(),
    )


def _peaks(runs: Sequence[TrainingSummary]) -> tuple[MeasuredPeak, ...]:
    return tuple(
        MeasuredPeak(planned_bytes=run.planned_memory_bytes, peak_bytes=run.peak_memory_bytes)
        for run in runs[:EARLIER_RUNS]
        if run.planned_memory_bytes and run.peak_memory_bytes
    )
