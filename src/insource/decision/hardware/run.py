"""One training run as planned: time, money and energy, on this machine or on cards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from insource.decision.hardware.fitting import tried
from insource.decision.hardware.models import PlannedModel
from insource.decision.hardware.question import Question
from insource.training.planned import choosing_share
from insource.training.planning.cards import Card
from insource.training.planning.machine import Machine
from insource.training.planning.training_plan import TrainingPlan, training_plan
from insource.training.preflight import OVERRIDABLE
from insource.types import Estimate, TrainingSummary

EARLIER_RUNS = 5


class PlannedRun(NamedTuple):
    """The plan that `insource train --plan` would make, and the energy of the run."""

    training: TrainingPlan
    kwh: Estimate


def machine_of(question: Question, card: Card) -> Machine:
    """Return a machine with as many of this card as the run has processes."""
    return card.machine(question.section.processes)


def planned_run(
    question: Question,
    model: PlannedModel,
    machine: Machine,
    card: Card | None,
    earlier: Sequence[TrainingSummary] = (),
) -> PlannedRun:
    """Return the run on a machine; ``card`` is what it has where it is elsewhere, ``earlier`` its runs."""
    found = tried(question, model, machine)
    training = training_plan(
        found.recipe,
        base_model=model.name,
        machine=machine,
        data=question.workload.rows(question.section.validation_documents),
        shape=model.shape,
        failed=found.failed,
        overridable=OVERRIDABLE,
        usd_per_hour=_usd_per_hour(question, card),
        speeds=[run.tokens_per_s for run in earlier if run.tokens_per_s][:EARLIER_RUNS],
        choosing=choosing_share(question.section),
    )
    return PlannedRun(training, _energy(question, training.seconds, card))


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
