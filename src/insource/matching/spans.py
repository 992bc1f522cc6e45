"""Locate a value in its source: the matches of the grounding ladder as spans to show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from insource.matching.comparators import Comparator
from insource.matching.grounding import DATES, MEASURES, NUMBERS, grounding_tier, occurrences
from insource.matching.normal_forms import fold_text
from insource.matching.numbers import parse_number
from insource.types import Tier

MOST = 50
_LOOSE = {"'": "['‘’‚‛′´`ʼ]", '"': '["“”„‟″«»]', "-": "[-‐‑‒–—―−﹣－]"}


class TextSpan(NamedTuple):
    """``source[start:end]`` says the value, on this rung of the ladder."""

    start: int
    end: int
    tier: Tier


def find_spans(value: Any, source: str, comparator: Comparator | None = None) -> tuple[TextSpan, ...]:
    """Return the first ``MOST`` places where a value stands in a source; empty when it is not grounded.

    All are on the rung that ``grounding_tier`` gives. What only full compatibility folding finds (a
    ligature in the middle of a word) is grounded without a place, and so is what is derived.
    """
    comparator = comparator or Comparator()
    tier = grounding_tier(value, source, comparator)
    if tier is None:
        return ()
    found = _found(value, source, comparator, tier)
    return tuple(TextSpan(start, end, tier) for (start, end), _ in zip(found, range(MOST), strict=False))


def _found(value: Any, source: str, comparator: Comparator, tier: Tier) -> Iterator[tuple[int, int]]:
    text = str(value).strip()
    if tier == "exact":
        yield from ((at, at + len(text)) for at in occurrences(text, source))
    elif tier == "normalised":
        yield from _loosely(text, source)
    elif tier == "alias":
        folded = fold_text(text)
        for spelling, canonical in comparator.aliases.items():
            if canonical == folded:
                yield from _loosely(spelling, source)
    elif tier == "quantity":
        measure = Comparator("quantity", unit=comparator.unit, decimal=comparator.decimal)
        yield from _matching(MEASURES, source, lambda found: measure.equal(value, found.strip()))
    elif tier == "number":
        number = parse_number(value, comparator.decimal)
        yield from _matching(
            NUMBERS, source, lambda found: parse_number(found.strip(), comparator.decimal) == number
        )
    elif tier == "date":
        dated = Comparator("date", day_first=comparator.day_first)
        yield from _matching(DATES, source, lambda found: dated.equal(value, found))


def _matching(pattern: re.Pattern[str], source: str, same: Any) -> Iterator[tuple[int, int]]:
    for match in pattern.finditer(source):
        if same(match[0]):
            leading = len(match[0]) - len(match[0].lstrip())
            yield match.start() + leading, match.end() - (len(match[0]) - len(match[0].rstrip()))


def _loosely(text: str, source: str) -> Iterator[tuple[int, int]]:
    """Any case, any white space between words, any of the typographic quotes and hyphens."""
    words = fold_text(text).split()
    if not words:
        return
    loose = r"\s+".join("".join(_LOOSE.get(c, re.escape(c)) for c in word) for word in words)
    for match in re.finditer(rf"(?<!\w){loose}(?!\w)" if text[0].isalnum() else loose, source, re.IGNORECASE):
        yield match.span()
