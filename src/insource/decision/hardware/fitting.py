"""Whether a training fits on a machine, the longest rows that do, and what would make it fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from insource.config.training import Method, TrainingSection
from insource.decision.hardware.models import PlannedModel, largest_first
from insource.decision.hardware.question import Question
from insource.foundation.errors import InsourceError
from insource.training.planning.cards import Card, known_cards
from insource.training.planning.machine import Machine
from insource.training.preflight import check_memory, check_method, check_processes, failures
from insource.training.recipe import Recipe, plan
from insource.types import Frozen

LONGEST = 131_072
SHARED_CARDS = (2, 4, 8)
LIGHTER: dict[Method, tuple[Method, ...]] = {
    "full": ("lora", "qlora"),
    "lora": ("qlora",),
    "rslora": ("qlora",),
    "dora": ("lora", "qlora"),
    "qlora": (),
}


class Remedy(Frozen):
    """A change with which the training fits: in words, as it is typed, and the least that then suffices."""

    change: str
    option: str
    least_bytes: int


class Tried(NamedTuple):
    """A recipe on a machine, and what stops it there."""

    recipe: Recipe
    failed: Sequence[InsourceError]

    @property
    def fits(self) -> bool:
        return not self.failed


def tried(question: Question, model: PlannedModel, machine: Machine) -> Tried:
    """Return the recipe that training would use there, and the checks of the machine that fail."""
    section, shape = question.section, model.shape
    data = question.workload.rows(section.validation_documents)

    def recipe_of(section: TrainingSection) -> Recipe:
        return plan(data=data, shape=shape, machine=machine, seed=0, section=section)

    recipe, lora = recipe_of(section), section.model_copy(update={"method": "lora"})
    return Tried(
        recipe,
        failures(
            (
                lambda: check_method(recipe, shape, machine, lambda: recipe_of(lora)),
                lambda: check_processes(recipe, machine),
                lambda: check_memory(recipe),
            )
        ),
    )


def least_bytes(question: Question, model: PlannedModel, machine: Machine) -> int:
    """Return the least that has to be free there: one row at a time, and all that saves memory."""
    section = question.section.model_copy(update={"max_memory_gb": None})
    full = machine.model_copy(update={"free_bytes": 0})
    smallest = tried(question.model_copy(update={"section": section}), model, full).recipe
    return smallest.memory.needed


def longest_rows(question: Question, model: PlannedModel, machine: Machine) -> int:
    """Return the longest row in tokens that trains there, within the model's context; 0 when none does."""
    most = model.shape.context or LONGEST
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if tried(with_length(question, middle), model, machine).fits:
            low = middle
        else:
            high = middle - 1
    return low


def with_length(question: Question, length: int) -> Question:
    """Return the question with rows of another length: longest, mean and answer in proportion."""
    work = question.workload
    share = length / work.length
    update = {
        "length": length,
        "mean_length": max(1, round(work.mean_length * share)),
        "answer": max(1, round(work.answer * share)),
    }
    return question.model_copy(update={"workload": work.model_copy(update=update)})


def remedies(
    question: Question, model: PlannedModel, machine: Machine, card: Card | None
) -> tuple[Remedy, ...]:
    """Return the changes with each of which, alone, the training fits; those that cost least first."""
    return tuple(_remedies(question, model, machine, card))


def _remedies(
    question: Question, model: PlannedModel, machine: Machine, card: Card | None
) -> Iterator[Remedy]:
    section = question.section
    for method in LIGHTER[section.method]:
        lighter = _with_section(question, method=method, optimizer=None, sharded=False)
        yield from _if_fits(f"train by {method}", f"--method {method}", lighter, model, machine)
    if section.gradient_checkpointing is False:
        again, typed = _with_section(question, gradient_checkpointing=None), "training.gradient_checkpointing"
        yield from _if_fits("compute activations twice", f"{typed} = true", again, model, machine)
    length = longest_rows(question, model, machine)
    if length >= question.workload.length // 8:
        shorter = with_length(question, length)
        words = f"rows of at most {length:,} tokens"
        yield from _if_fits(words, f"--length {length}", shorter, model, machine)
    yield from _larger_card(question, model, card)
    yield from _several_cards(question, model, card)
    yield from _smaller_model(question, model, machine)


def _if_fits(
    change: str, option: str, question: Question, model: PlannedModel, machine: Machine
) -> Iterator[Remedy]:
    if tried(question, model, machine).fits:
        yield Remedy(change=change, option=option, least_bytes=least_bytes(question, model, machine))


def _larger_card(question: Question, model: PlannedModel, card: Card | None) -> Iterator[Remedy]:
    for other in known_cards().cards.values():
        words = f"the smallest card on which it fits, of {other.memory_mib / 1024:.0f} GiB"
        there = other.machine(question.section.processes)
        found = [*_if_fits(words, f"--card {other.key}", question, model, there)]
        if found and other != card:
            yield found[0]
            return


def _several_cards(question: Question, model: PlannedModel, card: Card | None) -> Iterator[Remedy]:
    if card is None or question.section.method == "qlora":
        return  # accelerate shares out no base of 4 bits
    for cards in SHARED_CARDS:
        shared = _with_section(question, processes=cards, sharded=True)
        words, typed = f"{cards} of these cards that share the weights out", f"training.processes = {cards}"
        found = [*_if_fits(words, f"{typed}, training.sharded = true", shared, model, card.machine(cards))]
        if found:
            yield found[0]
            return


def _smaller_model(question: Question, model: PlannedModel, machine: Machine) -> Iterator[Remedy]:
    for smaller in largest_first():
        if smaller.parameters >= model.parameters or smaller.shape.context < question.workload.length:
            continue
        words = f"the largest known model that fits, of {smaller.parameters / 1e9:.1f} billion parameters"
        found = [*_if_fits(words, f"--model {smaller.name}", question, smaller, machine)]
        if found:
            yield found[0]
            return


def _with_section(question: Question, **update: object) -> Question:
    return question.model_copy(update={"section": question.section.model_copy(update=update)})
