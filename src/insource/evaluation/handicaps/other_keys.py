"""Answers with the keys of another schema: the values are there, under names that are not asked for."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from insource.contract.places import valid_place
from insource.evaluation.handicaps.case import SHOWN, Case, Found, handicap, share, worth_naming
from insource.matching.likeness import same_otherwise_spelled, words_of
from insource.types import Completion, JsonSchema, Score

VOTES, PURE = 3, 0.5
"""A key stands for a field when both hold the same value in this many documents, and in this share."""

Renames = dict[tuple[str, str], str]
"""The field that a key stands for, by the path of the object that it is in."""


def find(case: Case) -> Found | None:
    """Find keys that the schema does not declare and that stand for fields it does.

    A key stands for a field by its name (``ratedVoltage`` for ``rated_voltage``) or by its values. An answer
    wrapped in one more object is unwrapped. The comparison without it scores the renamed answers.
    """
    if not isinstance(case.task.output, JsonSchema):
        return None
    renames = _renames(case)
    mended: dict[str, Score] = {}
    evidence: list[str] = []
    for example, record in case.documents():
        answer = record.score.answer if record.score else None
        if not isinstance(answer, dict):
            continue
        fields = _fields(case, example.contract)
        meant = _renamed("", _unwrapped(answer, fields), renames)
        if meant != answer:
            text = json.dumps(meant, ensure_ascii=False)
            mended[record.row_id] = case.score(example, Completion(text=text))
            evidence.append(f"{record.row_id}: keys {', '.join(list(answer)[:6])}")
    if not worth_naming(len(mended), case.size):
        return None
    table = {f"{path}.{key}" if path else key: name for (path, key), name in renames.items()}
    named = ", ".join(f"`{key}` for `{name}`" for key, name in list(table.items())[:6]) or "a wrapping object"
    return Found(
        handicap(
            case,
            "other-keys",
            len(mended),
            f"{case.arm.name} answers {share(len(mended), case.size)} with the keys of another schema "
            f"({named}): what stands under them counts as invented, and the fields as missed.",
            aliases={"keys": table} if table else {},
            evidence=tuple(evidence[:SHOWN]),
            next_step="Ask the cloud again with the current schema, best with its answers constrained to it.",
        ),
        mended=mended,
    )


def _fields(case: Case, own: Mapping[str, Any] | None) -> frozenset[str]:
    assert isinstance(case.task.output, JsonSchema)
    place = valid_place(own or case.task.output.definition)
    return frozenset(place.properties) if place else frozenset()


def _unwrapped(answer: dict[str, Any], fields: frozenset[str]) -> dict[str, Any]:
    """Return what a single undeclared key holds, when that has at least half of the fields."""
    inner = next(iter(answer.values())) if len(answer) == 1 and not answer.keys() & fields else None
    return inner if isinstance(inner, dict) and 2 * len(inner.keys() & fields) >= len(fields) > 0 else answer


def _renames(case: Case) -> Renames:
    """Return the declared name of each undeclared key, by its name or else by its values."""
    seen: Counter[tuple[str, str]] = Counter()
    votes: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    missing: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for _, record in case.documents():
        slots = record.score.slots if record.score else ()
        missed: dict[str, list[tuple[str, Any]]] = defaultdict(list)
        for slot in slots:
            path, _, name = slot.path.rpartition(".")
            if slot.bucket == "missed":
                missed[path].append((name.removesuffix("[]"), slot.gold))
        for path, key, value in _undeclared(slots):
            seen[path, key] += 1
            for name, gold in missed[path]:
                missing[path, key][name] += 1
                votes[path, key][name] += _same(gold, value)
    found: Renames = {}
    for place in seen:
        name = _by_name(place[1], missing[place]) or _by_value(votes[place], missing[place])
        if name:
            found[place] = name
    return found


def _undeclared(slots: Any) -> Iterator[tuple[str, str, Any]]:
    for slot in slots:
        path, _, last = slot.path.rpartition(".")
        if last == "*" and slot.bucket == "invented" and isinstance(slot.predicted, dict):
            for key, value in slot.predicted.items():
                yield path, key, value


def _by_name(key: str, names: Counter[str]) -> str:
    found = [name for name in names if words_of(name) and "".join(words_of(name)) == "".join(words_of(key))]
    return found[0] if len(found) == 1 else ""


def _by_value(votes: Counter[str], missing: Counter[str]) -> str:
    best = sorted(votes, key=lambda name: (-votes[name] / missing[name], name))
    fits = [name for name in best if votes[name] >= VOTES and votes[name] >= PURE * missing[name]]
    return fits[0] if fits else ""


def _same(gold: Any, value: Any) -> bool:
    if isinstance(value, list):
        return any(_same(gold, item) for item in value)
    return bool(gold == value) or same_otherwise_spelled(gold, value)


def _renamed(path: str, value: Any, renames: Renames) -> Any:
    if isinstance(value, list):
        return [_renamed(f"{path}[]", item, renames) for item in value]
    if not isinstance(value, dict):
        return value
    renamed: dict[str, Any] = {}
    for key, inner in value.items():
        name = str(renames.get((path, key), key))
        name = key if name in value else name
        renamed[name] = _renamed(f"{path}.{name}" if path else name, inner, renames)
    return renamed
