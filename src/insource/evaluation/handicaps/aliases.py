"""Find the answers that mean a value of the labels under another name: the table that would mend them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from insource.contract.reasoning import without_reasoning
from insource.dataset.checks.refusals import refusal
from insource.evaluation.handicaps.case import Case
from insource.evaluation.scorers import LABEL
from insource.matching.assignment import canonical
from insource.matching.likeness import label_meant, same_otherwise_spelled
from insource.matching.normal_forms import fold_text
from insource.stats.distributions import binomial_cdf
from insource.types import EvalRecord, Example, Labels, SlotScore

OFTEN, PURE = 5, 0.85
"""A name that no label resembles has to stand for one value this often, and nearly as reliably as the
cloud's other answers: in this share of their precision."""
CHANCE = 1e-4
"""The chance that it would do so if it had nothing to do with that value."""
_LONGEST = 200
"""Characters; a longer answer, or a refusal, names no label."""

Aliases = dict[str, dict[str, Any]]
"""By field, the value of the labels that an answer (folded) stands for."""


class Unknown(NamedTuple):
    """An answer that is no value of the labels, where the label holds one."""

    path: str
    gold: Any
    said: str


def aliases_of(case: Case) -> Aliases:
    """Return what this cloud calls the values of the labels, by field.

    An answer that is a label, or that is the right value of another document, is never taken for an alias:
    it may be a plain error.
    """
    known = _known(case)
    uses: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    values: dict[tuple[str, str], Any] = {}
    golds: dict[str, Counter[str]] = defaultdict(Counter)
    said_right: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for example, record in case.documents():
        for slot in record.score.slots if record.score else ():
            if slot.gold is not None:
                golds[slot.path][canonical(slot.gold)] += 1
                if slot.bucket in ("correct", "wrong"):
                    said_right[slot.path][slot.bucket == "wrong"] += 1
        for path, gold, said in unknown_answers(case, example, record):
            if fold_text(said) not in known[path]:
                uses[path, fold_text(said)][canonical(gold)] += 1
                values[path, canonical(gold)] = gold
    found: Aliases = defaultdict(dict)
    for (path, said), meant in uses.items():
        named = label_meant(said, case.task.output.names) if isinstance(case.task.output, Labels) else None
        gold, times = meant.most_common(1)[0]
        if named is not None:
            found[path][said] = named
        elif _stands_for(times, meant.total(), golds[path][gold] / golds[path].total(), said_right[path]):
            found[path][said] = values[path, gold]
    return dict(found)


def _stands_for(times: int, uses: int, share: float, said: list[int]) -> bool:
    """Return whether a name goes with one value far more often than chance would have it.

    ``said`` counts the other answers of the field, right and wrong.
    """
    precision = max(0.5, said[0] / sum(said)) if sum(said) >= OFTEN else 1.0
    by_chance = 1.0 - binomial_cdf(times - 1, uses, share)
    return times >= OFTEN and times >= PURE * precision * uses and by_chance < CHANCE


def _known(case: Case) -> Mapping[str, set[str]]:
    """Return, by field, the values that are labels, folded."""
    known: dict[str, set[str]] = defaultdict(set)
    if isinstance(case.task.output, Labels):
        known[LABEL] = {fold_text(name) for name in case.task.output.names}
    for _, record in case.documents():
        for slot in record.score.slots if record.score else ():
            if isinstance(slot.gold, str):
                known[slot.path].add(fold_text(slot.gold))
    return known


def unknown_answers(case: Case, example: Example, record: EvalRecord) -> Iterator[Unknown]:
    """Yield the answers of a document that are wrong and that may be another name for something."""
    for slot in record.score.slots if record.score else ():
        said = said_of(case, example, record, slot)
        if said and slot.gold is not None and slot.bucket in ("wrong", "missed"):
            yield Unknown(slot.path, slot.gold, said)


def said_of(case: Case, example: Example, record: EvalRecord, slot: SlotScore) -> str:
    """Return what was answered in a slot, as text; of a label that cannot be read, the whole answer."""
    if slot.path != LABEL:
        return slot.predicted if isinstance(slot.predicted, str) else ""
    if slot.predicted is not None:
        return str(slot.predicted)
    text = without_reasoning(case.answer(example, record)).strip()
    return text if len(text) <= _LONGEST and not refusal(text) else ""


def meant_by(aliases: Aliases, path: str, said: str) -> Any:
    """Return the value that an answer stands for, None when it is no alias."""
    return aliases.get(path, {}).get(fold_text(said))


def mends(aliases: Aliases, slot: SlotScore, said: str) -> bool:
    """Return whether a wrong slot is right but for its spelling."""
    if slot.gold is None or slot.bucket not in ("wrong", "missed"):
        return False
    if (
        slot.predicted is not None
        and slot.path != LABEL
        and same_otherwise_spelled(slot.gold, slot.predicted)
    ):
        return True
    meant = meant_by(aliases, slot.path, said) if said else None
    return meant is not None and canonical(meant) == canonical(slot.gold)
