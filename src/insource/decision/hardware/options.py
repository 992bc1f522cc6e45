"""The cards on which a training fits, by what its run costs there."""

from __future__ import annotations

from insource.decision.hardware.fitting import least_bytes, remedies, tried
from insource.decision.hardware.models import PlannedModel
from insource.decision.hardware.question import Question
from insource.decision.hardware.run import machine_of, planned_run
from insource.foundation.errors import PrerequisiteError
from insource.training.planning.cards import known_cards
from insource.training.planning.memory import GIB
from insource.types import Estimate, Frozen


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


def card_options(question: Question, model: PlannedModel) -> tuple[CardOption, ...]:
    """Return the cards on which it fits, the cheapest run first; those without a rent come last.

    Raises:
        PrerequisiteError: ``no-card-fits``, with what would make it fit on the largest.
    """
    found = []
    for card in known_cards().cards.values():
        machine = machine_of(question, card)
        run = planned_run(question, model, machine, card)
        if not run.training.stops:
            found.append(
                CardOption(
                    key=card.key,
                    name=card.name,
                    least_bytes=least_bytes(question, model, machine),
                    seconds=run.training.seconds,
                    usd=run.training.usd,
                    kwh=run.kwh,
                )
            )
    if not found:
        raise _none_fits(question, model)
    return tuple(sorted(found, key=_cost))


def _cost(option: CardOption) -> tuple[bool, float, float]:
    usd, kwh = option.usd.value, option.kwh.value
    return (usd is None, usd or 0.0, kwh or 0.0)


def _none_fits(question: Question, model: PlannedModel) -> PrerequisiteError:
    card = list(known_cards().cards.values())[-1]
    machine = machine_of(question, card)
    needed = tried(question, model, machine).recipe.memory
    ways = [f"{one.change} ({one.option})" for one in remedies(question, model, machine, card)]
    return PrerequisiteError(
        "no-card-fits",
        f"The plan fits on no card: it needs {needed.needed / GIB:.0f} GiB, and the largest one, "
        f"{card.name}, has {card.memory_bytes / GIB:.0f} GiB.",
        details=(needed.in_words,),
        hint=f"It would fit on the {card.name} with {', or '.join(ways)}."
        if ways
        else "Use a smaller model.",
    )
