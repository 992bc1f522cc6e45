"""Labels that the cloud's prompt never offered, or that none of its answers ever has."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from insource.evaluation.handicaps.aliases import aliases_of, meant_by, said_of
from insource.evaluation.handicaps.case import SHOWN, Case, Found, handicap, share, worth_naming
from insource.evaluation.never_answered import fields_of_labels
from insource.evaluation.scorers import LABEL
from insource.matching.assignment import canonical
from insource.matching.grounding import occurrences
from insource.matching.normal_forms import fold_text

CHANCE = 1e-3
"""The largest chance that a fair cloud never gives these labels, below which their absence is no accident."""
SPREAD, FEWER = 0.1, 0.2
"""The least correlation by which recall differs between labels, and what is added to it over their number:
of few labels, little is known about how much it differs."""
_SLIPS = 0.5
"""A fair cloud may slip into a single label half as often as into the others."""
_NAMED = 8


class _Field(NamedTuple):
    """One field with a closed list: the documents of each label, what was answered, and how often rightly."""

    rows: Mapping[str, frozenset[str]]
    given: frozenset[str]
    right: Mapping[str, int]
    names: Mapping[str, str]


def find(case: Case) -> Found | None:
    """Find the labels that this cloud could not give, and the documents that have one.

    Where its prompt is recorded, those are the labels that the prompt does not name, though it names others,
    and that no answer has. Where it is not, those that no answer has although a fair cloud with the recall
    of this one would have given them. The comparison without them is on the documents that could be answered.
    """
    missing: dict[str, Counter[str]] = {}
    rows: set[str] = set()
    recorded = False
    for path, field in _fields(case).items():
        offered = _not_offered(case, field)
        recorded = recorded or offered is not None
        absent = _by_chance(field) if offered is None else offered
        if absent:
            missing[path] = Counter({field.names[label]: len(found) for label, found in absent.items()})
            rows |= set().union(*absent.values())
    if not rows or not worth_naming(len(rows), case.size):
        return None
    what = "; ".join(_named(path, labels) for path, labels in missing.items())
    they = "they are" if sum(map(len, missing.values())) > 1 else "it is"
    verb = "was never offered" if recorded else "never gave, in any answer,"
    sentence = (
        f"{case.arm.name} {verb} {what}: {they} right on {share(len(rows), case.size)}. On these it could "
        "only fail."
    )
    return Found(
        handicap(
            case,
            "missing-labels",
            len(rows),
            sentence,
            evidence=_evidence(case, rows),
            next_step="Ask the cloud again with a prompt that offers every label of the contract, "
            "or compare on the documents that it could answer.",
        ),
        left_out=frozenset(rows),
    )


def _fields(case: Case) -> dict[str, _Field]:
    aliases = aliases_of(case)
    rows: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    given: dict[str, set[str]] = defaultdict(set)
    right: dict[str, Counter[str]] = defaultdict(Counter)
    names: dict[str, str] = {}
    closed = fields_of_labels(case.task.output)
    for example, record in case.documents():
        for slot in record.score.slots if record.score else ():
            if slot.path not in closed:
                continue
            said = said_of(case, example, record, slot)
            given[slot.path].add(canonical(slot.predicted))
            given[slot.path].add(canonical(meant_by(aliases, slot.path, said)))
            if slot.gold is None:
                continue
            gold = canonical(slot.gold)
            names[gold] = slot.gold if isinstance(slot.gold, str) else gold
            rows[slot.path][gold].add(record.row_id)
            if slot.bucket == "correct":  # which may be spelled in another way
                given[slot.path].add(gold)
                right[slot.path][gold] += 1
    return {
        path: _Field(
            {label: frozenset(found) for label, found in labels.items()},
            frozenset(given[path]),
            right[path],
            names,
        )
        for path, labels in rows.items()
    }


def _not_offered(case: Case, field: _Field) -> dict[str, frozenset[str]] | None:
    """Return the documents whose own prompt lists labels of this field, but not theirs.

    The result is None when no prompt is recorded, or none lists labels.
    """
    found: dict[str, set[str]] = defaultdict(set)
    listing = False
    for label, rows in field.rows.items():
        for row_id in rows:
            prompt = fold_text(case.prompt_of(case.examples[row_id]))
            others = _listed(prompt, tuple(field.names[one] for one in field.rows))
            if len(others) < min(2, len(field.rows)) or not others:
                continue
            listing = True
            if field.names[label] not in others:
                found[label].add(row_id)
    if not listing:
        return None
    # What the cloud gives all the same, its prompt offers in another form.
    return {label: frozenset(rows) for label, rows in found.items() if label not in field.given}


@lru_cache(maxsize=1024)
def _listed(prompt: str, names: tuple[str, ...]) -> frozenset[str]:
    """Return the labels that a folded prompt names, as they are or with spaces between their words."""
    return frozenset(
        name
        for name in names
        if any(
            next(occurrences(spelling, prompt), None) is not None
            for spelling in (fold_text(name), fold_text(name.replace("_", " ").replace("-", " ")))
        )
    )


def _by_chance(field: _Field) -> dict[str, frozenset[str]]:
    """Return the labels that a fair cloud of this accuracy would hardly leave out, with their documents."""
    absent = {label: rows for label, rows in field.rows.items() if label not in field.given}
    if not absent or len(absent) == len(field.rows):
        return {}
    documents = len(frozenset().union(*field.rows.values()))
    recall = _recall(field)
    chance = {
        label: _never(len(rows), documents, recall, len(field.rows)) for label, rows in field.rows.items()
    }
    if _tail(list(chance.values()), len(absent)) < CHANCE:
        return absent
    return {label: rows for label, rows in absent.items() if chance[label] * len(field.rows) < CHANCE}


class _Recall(NamedTuple):
    """How often a label is found: its mean over labels, and the correlation within a label."""

    mean: float
    correlation: float


def _recall(field: _Field) -> _Recall:
    """Estimate the recall of the labels that were given, as beta-binomial, by the method of moments."""
    given = [label for label in field.rows if label in field.given]
    sizes = np.array([len(field.rows[label]) for label in given], dtype=float)
    right = np.array([field.right.get(label, 0) for label in given], dtype=float)
    total, count = sizes.sum(), len(given)
    mean = float(right.sum() / total)
    spread = float((sizes * (right / sizes - mean) ** 2).sum())
    room = total - float((sizes**2).sum()) / total - (count - 1)
    known = 0 < mean < 1 and room > 0
    correlation = (spread / (mean * (1 - mean)) - (count - 1)) / room if known else 0.0
    return _Recall(mean, min(0.9, max(SPREAD, correlation) + FEWER / count))


def _never(rows: int, documents: int, recall: _Recall, labels: int) -> float:
    """Return the chance that a fair cloud never gives a label: neither rightly nor by mistake."""
    size = 1 / recall.correlation - 1
    failing = (1 - recall.mean) * size
    steps = np.arange(rows)
    missed = float(np.prod((failing + steps) / (size + steps)))
    slipped = _SLIPS * (1 - recall.mean) * (documents - rows) / max(1, labels - 1)
    return missed * float(np.exp(-slipped))


def _tail(chances: list[float], count: int) -> float:
    """Return the chance that at least ``count`` of these independent events happen."""
    probabilities = np.array([1.0])
    for chance in chances:
        probabilities = np.convolve(probabilities, [1 - chance, chance])
    return float(probabilities[count:].sum())


def _named(path: str, labels: Counter[str]) -> str:
    first = ", ".join(f"“{label}”" for label, _ in labels.most_common(_NAMED))
    more = f" and {len(labels) - _NAMED:,} more" if len(labels) > _NAMED else ""
    plural = "" if len(labels) == 1 else "s"
    what = f"label{plural}" if path == LABEL else f"value{plural} of `{path}`"
    return f"{len(labels):,} {what} ({first}{more})"


def _evidence(case: Case, rows: set[str]) -> tuple[str, ...]:
    def lines() -> Iterator[str]:
        for example, record in case.documents():
            if record.row_id in rows:
                answer = case.answer(example, record)
                yield f"{record.row_id}: label “{example.target[:60]}”, answered “{answer[:60]}”"

    return tuple(line for line, _ in zip(lines(), range(SHOWN), strict=False))
