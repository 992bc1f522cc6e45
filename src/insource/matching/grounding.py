"""Decide whether a value occurs in its source, by the grounding ladder.

Grounded is not correct: a value can stand in the document and still be the wrong one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Any

from insource.matching.comparators import Comparator
from insource.matching.dates import Moment, parse_date
from insource.matching.normal_forms import fold_text
from insource.matching.numbers import DecimalMark, parse_number
from insource.matching.quantities import parse_quantity
from insource.types import Tier

NUMBERS = re.compile(r"(?<![\w.,])[+\-−]?\(?\d[\d.,'’ \u00a0\u2009\u202f]*(?:[eE][+-]?\d+)?\)?\s*%?(?![\w])")
MEASURES = re.compile(
    r"(?<![\w.,/])[+\-−]?(?:(?:\d+[ -])?\d[\d.,/]*\s?[¼-¾⅐-⅞]?|[¼-¾⅐-⅞])\s?"
    r"(?:[^\W\d_][^\s\d,;()|<>]{0,11}(?:[23](?:/[^\W\d_]{1,4})?)?(?:\s?[AaDd][Cc]\b)?|[℃℉㎀-㏟°%Ω\"'″′]\w?)"
)
DATES = re.compile(
    r"\b\d{4}[-/.]\d{1,2}(?:[-/.]\d{1,2})?(?!\d)|\b\d{1,2}[-/.]\d{1,2}[-/.]\d{4}\b|\b\d{8}(?!\d)"
    r"|\b(?:\d{1,2}(?:st|nd|rd|th)?[ .-]{1,2})?[A-Za-z]{3,9}\.?[ -](?:\d{1,2}(?:st|nd|rd|th)?,? )?\d{4}\b"
    r"(?![-/.]\d)"
)


def grounding_tier(value: Any, source: str, comparator: Comparator | None = None) -> Tier | None:
    """Return the first rung of the ladder on which ``value`` is found in ``source``, None when unsupported.

    exact substring, then case, space and NFKC folding, number (separators, decimals, sign), date in
    any format, quantity under unit conversion, enum alias, and last what the schema declares ``derived``,
    such as a sum of lines. Matches end at token boundaries: 48 is not in 480, nor in 1.48. Judges strings and
    numbers; null, booleans and containers have no tier.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    comparator = comparator or Comparator()
    text = str(value).strip()
    if not text:
        return None
    if _stands_in(text, source):
        return "exact"
    folded = fold_text(text)
    if folded and _stands_in(folded, _folded(source)):
        return "normalised"
    found = _typed_tier(value, source, comparator) or _alias_tier(folded, source, comparator)
    return found or ("derived" if comparator.derived else None)


def _typed_tier(value: Any, source: str, comparator: Comparator) -> Tier | None:
    number = (
        parse_number(value, comparator.decimal)
        if comparator.kind in (None, "number", "integer", "quantity")
        else None
    )
    if number is not None and number in _numbers(source, comparator.decimal):
        return "number"
    date = parse_date(value, comparator.day_first) if isinstance(value, str) else None
    if date is not None and any(date.same(found) for found in _dates(source, comparator.day_first)):
        return "date"
    quantity = (
        parse_quantity(value, comparator.unit, comparator.decimal) if comparator.kind == "quantity" else None
    )
    if quantity is not None and quantity.kind != "dimensionless":
        measure = Comparator("quantity", unit=comparator.unit, decimal=comparator.decimal)
        if any(measure.equal(value, found) for found in _measures(source)):
            return "quantity"
    return None


def _alias_tier(folded: str, source: str, comparator: Comparator) -> Tier | None:
    spellings = (spelling for spelling, canonical in comparator.aliases.items() if canonical == folded)
    return "alias" if any(_stands_in(spelling, _folded(source)) for spelling in spellings) else None


def occurrences(needle: str, haystack: str) -> Iterator[int]:
    """Yield where a text stands between token boundaries; a number ends where its digits and decimals end."""
    start = 0
    while needle and (at := haystack.find(needle, start)) >= 0:
        if _boundary_before(needle, haystack[max(0, at - 2) : at]) and _boundary_after(
            needle, haystack[at + len(needle) : at + len(needle) + 2]
        ):
            yield at
        start = at + 1


def _stands_in(needle: str, haystack: str) -> bool:
    return next(occurrences(needle, haystack), None) is not None


def _boundary_before(needle: str, before: str) -> bool:
    if not needle[0].isalnum() or not before:
        return True
    inside_number = needle[0].isdigit() and re.fullmatch(r"\d[.,]", before) is not None
    signed = needle[0].isdigit() and re.fullmatch(r"(?:^|[\s(=:])[-−]|[-−]", before) is not None
    return not (before[-1].isalnum() or before[-1] == "_" or inside_number or signed)


def _boundary_after(needle: str, after: str) -> bool:
    if not needle[-1].isalnum() or not after:
        return True
    inside_number = needle[-1].isdigit() and re.fullmatch(r"[.,]\d", after) is not None
    # "480V" holds the number 480: a letter may follow a digit, as a unit does.
    joined = after[0] == "_" or (after[0].isdigit() if needle[-1].isdigit() else after[0].isalnum())
    return not (joined or inside_number)


@lru_cache(maxsize=64)
def _folded(source: str) -> str:
    return fold_text(source)


@lru_cache(maxsize=64)
def _numbers(source: str, decimal: DecimalMark | None) -> frozenset[Decimal]:
    found = (parse_number(match.strip(), decimal) for match in set(NUMBERS.findall(source)))
    return frozenset(number for number in found if number is not None)


@lru_cache(maxsize=64)
def _dates(source: str, day_first: bool | None) -> tuple[Moment, ...]:
    found = (parse_date(match, day_first) for match in set(DATES.findall(source)))
    return tuple(date for date in found if date is not None)


@lru_cache(maxsize=64)
def _measures(source: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(match.strip() for match in MEASURES.findall(source)))
