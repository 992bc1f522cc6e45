"""Propose how each field's values should be compared, from the schema and the training labels.

A proposal counts only after a person confirmed it: a wrong comparator makes wrong answers right.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from textwrap import wrap
from typing import Any

from insource.matching.align import Slot, align
from insource.matching.dates import parse_date
from insource.matching.numbers import decimal_marks, parse_number
from insource.matching.quantities import parse_quantity
from insource.types import Frozen

MIN_VALUES = 5
"""With fewer values nothing is proposed for a field."""
_HALVES = re.compile(r"([0-9]{1,2})[-/] ?([0-9]{1,2})[-/] ?[0-9]{4}")
ENOUGH = 0.9
"""The share of a field's values that have to be of a kind."""
SHOWN = 3


class Proposal(Frozen):
    """How the values of the field at ``path`` should compare: ``said`` as in ``[task.comparators]``."""

    path: str
    said: str
    reason: str
    examples: tuple[str, ...]


def propose(targets: Iterable[Any], schema: Mapping[str, Any] | None = None) -> tuple[Proposal, ...]:
    """Return proposals for the fields that the schema compares as plain text, in the order of the fields.

    A field gets one where at least ``ENOUGH`` of its values are quantities of one kind, dates, numbers or
    identifiers. ``targets`` are label objects. Fields whose schema already says more keep what it says.
    """
    values: dict[str, list[str]] = defaultdict(list)
    for target in targets:
        for slot in align(target, None, schema):
            if _plain(slot):
                values[slot.path].append(slot.gold)
    found = []
    for path, texts in values.items():
        if len(texts) < MIN_VALUES:
            continue
        said, reason = next(filter(None, (rule(texts) for rule in _RULES)), ("", ""))
        if said:
            examples = tuple(text for text, _ in Counter(texts).most_common(SHOWN))
            found.append(Proposal(path=path, said=said, reason=reason, examples=examples))
    return tuple(found)


def as_toml(proposals: Iterable[Proposal], *, examples: bool = False) -> str:
    """Return the proposals as a block of insource.toml, every line a comment until a person confirms it.

    ``examples`` shows values; a file that is shared and versioned has no need of them.
    """
    lines = [
        "# Proposed: take away the first # of the header and of each right line.",
        "# [task.comparators]",
    ]
    for one in proposals:
        shown = [" ".join(example.split())[:30] for example in one.examples] if examples else []
        reason = one.reason + (f", such as {', '.join(shown)}" if shown else "")
        lines += wrap(reason, 78, initial_indent="# # ", subsequent_indent="# # ")
        lines.append(f"# {_quoted(one.path)} = {_quoted(one.said)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _plain(slot: Slot) -> bool:
    return (
        isinstance(slot.gold, str) and slot.comparator.kind in (None, "text") and not slot.path.endswith("*")
    )


def _share(texts: list[str], fits: Callable[[str], bool]) -> tuple[bool, str]:
    count = sum(map(fits, texts))
    return count >= ENOUGH * len(texts), f"{count:,} of {len(texts):,} values are"


def _quantity(texts: list[str]) -> tuple[str, str] | None:
    read = [parse_quantity(text) for text in texts]
    kinds = Counter(one.kind for one in read if one and one.known and one.kind != "dimensionless")
    if not kinds:
        return None
    kind, count = kinds.most_common(1)[0]
    if count < ENOUGH * len(texts):
        return None
    units = Counter(
        "".join(text.split()).lstrip("+-−0123456789.,/") for text, one in zip(texts, read, strict=True) if one
    )
    written = [
        unit for unit, _ in units.most_common() if (one := parse_quantity(f"1 {unit}")) and one.kind == kind
    ]
    reason = f"{count:,} of {len(texts):,} values are an amount with a unit of one kind"
    if ":" in "".join(written[:1]) or not written:
        return "quantity", reason
    return f"quantity:{written[0]}", reason


def _date(texts: list[str]) -> tuple[str, str] | None:
    enough, reason = _share(texts, lambda text: any(parse_date(text, first) for first in (True, False)))
    if not enough:
        return None
    halves = [(int(found[1]), int(found[2])) for text in texts if (found := _HALVES.fullmatch(text.strip()))]
    if not halves:
        return "date", f"{reason} a date"
    days = sum(first > 12 for first, _ in halves), sum(second > 12 for _, second in halves)
    if all(days) or not any(days):
        return "date", f"{reason} a date; they do not tell whether the day or the month comes first"
    order = "day-first" if days[0] else "month-first"
    return f"date:{order}", f"{reason} a date, {max(days):,} of them only as {order}"


def _number(texts: list[str]) -> tuple[str, str] | None:
    enough, reason = _share(texts, lambda text: parse_number(text) is not None)
    # Digits without a mark may as well be a code, in which a leading zero counts.
    if not enough or all(text.strip().isdigit() for text in texts):
        return None
    marks = set().union(*map(decimal_marks, texts))
    return ("number:decimal=," if marks == {","} else "number"), f"{reason} a number"


def _id(texts: list[str]) -> tuple[str, str] | None:
    enough, reason = _share(
        texts, lambda text: any(c.isdigit() for c in text) and len(text.split()) == 1 and len(text) <= 40
    )
    distinct = len(set(texts))
    if not enough or distinct < ENOUGH * len(texts):
        return None
    return "id", f"{reason} one word with digits, and {distinct:,} differ"


_RULES = (_date, _quantity, _number, _id)
