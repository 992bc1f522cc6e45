"""Answers that differ from their label only in spelling, case or format: errors of format, not of content."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from insource.evaluation.handicaps.aliases import Aliases, aliases_of, mends, said_of
from insource.evaluation.handicaps.case import SHOWN, Case, Found, handicap, share, shown, worth_naming
from insource.evaluation.scorers import LABEL
from insource.matching.likeness import same_otherwise_spelled, says_nothing
from insource.types import EvalRecord, Example, Labels, Score, SlotScore

_LISTED = 12
_RIGHT = ("correct", "correctly_empty")
_OF_FORMAT = ("format_consistency", "parse_rate", "schema_valid_rate")


class _Mended(NamedTuple):
    """A document's score after the table is applied, and what was mended: path, answer, label."""

    score: Score
    pairs: tuple[tuple[str, str, str], ...]


def find(case: Case) -> Found | None:
    """Find answers that are right but for their spelling.

    Errors of content and of format are counted apart. The comparison without them takes each such answer for
    its label, as the alias table would.
    """
    aliases = aliases_of(case)
    mended: dict[str, Score] = {}
    repaired: list[str] = []
    table: Counter[tuple[str, str, str]] = Counter()
    wrong = 0
    # Fences around JSON cost nothing but format; a label that is only read after repair is spelled otherwise.
    counts_repairs = isinstance(case.task.output, Labels) or case.task.primary_metric in _OF_FORMAT
    for example, record in case.documents():
        if record.score is None:
            continue
        wrong += any(slot.bucket not in _RIGHT for slot in record.score.slots)
        found = _mended(case, aliases, example, record)
        if found.pairs:
            mended[record.row_id] = found.score
            table.update(found.pairs)
        elif counts_repairs and record.score.repairable and not record.score.parsed:
            repaired.append(record.row_id)
    affected = len(mended) + len(repaired)
    if not worth_naming(affected, case.size):
        return None
    content = sum(
        any(slot.bucket not in _RIGHT for slot in (mended.get(r.row_id) or r.score).slots)
        for _, r in case.documents()
        if r.score is not None
    )
    sentence = (
        f"{case.arm.name}: the answers to {share(affected, case.size)} differ from what is read only in "
        f"spelling, case or format. {wrong:,} documents have a wrong slot, {content:,} of them in content."
    )
    return Found(
        handicap(
            case,
            "spelling",
            affected,
            sentence,
            aliases=_table(table),
            evidence=_evidence(table, repaired),
            next_step="Confirm the alias table in the schema (`x-insource` `aliases`), or ask the cloud "
            "again with the labels as they are spelled and its answers constrained to the schema.",
        ),
        mended=mended,
    )


def _mended(case: Case, aliases: Aliases, example: Example, record: EvalRecord) -> _Mended:
    """Return a document's score with every slot right that is right but for its spelling."""
    score = record.score
    assert score is not None
    pairs: list[tuple[str, str, str]] = []
    spare = [slot for slot in score.slots if slot.bucket == "invented"]
    slots: list[SlotScore] = []
    for slot in score.slots:
        said = said_of(case, example, record, slot)
        partner = _partner(slot, spare)
        if slot.bucket == "invented" and says_nothing(slot.predicted):
            pairs.append((slot.path, str(slot.predicted), "null"))
            slot = slot.model_copy(update={"bucket": "correctly_empty", "predicted": None})
        if mends(aliases, slot, said) or partner is not None:
            pairs.append((slot.path, said if partner is None else str(partner.predicted), str(slot.gold)))
            slot = slot.model_copy(update={"bucket": "correct"})
        if partner is not None:
            spare.remove(partner)
        slots.append(slot)
    kept = tuple(slot for slot in slots if slot.bucket != "invented" or any(slot is one for one in spare))
    exact = all(slot.bucket in _RIGHT for slot in kept)
    return _Mended(score.model_copy(update={"slots": kept, "exact": exact}), tuple(pairs))


def _partner(slot: SlotScore, spare: list[SlotScore]) -> SlotScore | None:
    """Return the invented item of a list that says what this missed item says."""
    if slot.bucket != "missed" or slot.gold is None or slot.path == LABEL:
        return None
    alike: Any = (
        one for one in spare if one.path == slot.path and same_otherwise_spelled(slot.gold, one.predicted)
    )
    return next(alike, None)


def _table(table: Counter[tuple[str, str, str]]) -> dict[str, dict[str, str]]:
    aliases: dict[str, dict[str, str]] = {}
    for (path, said, gold), _ in table.most_common():
        field = aliases.setdefault(path, {})
        if len(field) < _LISTED:
            field.setdefault(said, gold)
    return aliases


def _evidence(table: Counter[tuple[str, str, str]], repaired: list[str]) -> tuple[str, ...]:
    said = [
        f"{path}: “{shown(answer)}” for “{shown(gold)}” ({times:,} times)"
        for (path, answer, gold), times in table.most_common(SHOWN)
    ]
    read = [f"right only after repair: {', '.join(repaired[:SHOWN])}"] if repaired else []
    return tuple(said + read)
