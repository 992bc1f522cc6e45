"""Describe how a value is written, and rewrite it in another shape with the same meaning."""

from __future__ import annotations

import re
from itertools import groupby
from typing import Any

from insource.matching.dates import parse_date
from insource.matching.numbers import parse_number
from insource.matching.quantities import parse_quantity
from insource.matching.surface import shape

_ISO = "9999-99-99"
_DATE = re.compile(r"(?<!9)9999(?:[-/.]99?){1,2}(?!9)|(?<!9)99?[-/.]99?[-/.]9999(?!9)")
_RUN = re.compile(r"9+|A|a")
_FREE = re.compile(r"\s|(?<=[^\W\d_])-(?=[^\W\d_])")
_GROUPING = re.compile(r"[\s.,']")
MAX_SHAPE = 60


def shape_of(value: Any) -> str:
    """As ``surface.shape`` has it, with the number of digits left out except in dates."""
    pattern = shape(value)
    if len(pattern) > MAX_SHAPE:
        return "<long text>"
    return pattern if is_date(pattern) else re.sub(r"9+", "9", pattern)


def is_date(pattern: str) -> bool:
    """Return whether there is a date in this shape."""
    return _DATE.search(pattern) is not None


def rewritten(value: str, target: str) -> str:
    """Return the value in the target's shape, or as it is when that would say something else.

    Dates are read as dates. Other values keep their figures, letters and signs; spaces and hyphens between
    letters are free, and points and commas may change where number, quantity or date stay what they are.
    """
    source = shape_of(value)
    date = _DATE.fullmatch(source)
    if date or is_date(target):
        return _as_iso(value) if date and target == _ISO else value
    if source == target or _RUN.findall(source) != _RUN.findall(target):
        return value
    pieces = iter(_pieces(value))
    made = _RUN.sub(lambda _: next(pieces), target)
    return made if _says_the_same(value, made) else value


def _says_the_same(one: str, other: str) -> bool:
    if _FREE.sub("", one) == _FREE.sub("", other):
        return True
    if _GROUPING.sub("", one) != _GROUPING.sub("", other):
        return False
    readings = ((read(one), read(other)) for read in (parse_number, parse_quantity, parse_date))
    return any(left is not None and left == right for left, right in readings)


def _as_iso(value: str) -> str:
    date = parse_date(value)
    is_day = date is not None and date.instant is None and len(date.day) == 3
    return "{:04}-{:02}-{:02}".format(*date.day) if date is not None and is_day else value


def _pieces(value: str) -> list[str]:
    """Return the value's runs of digits, capitals and other letters."""
    runs = ((mark, "".join(characters)) for mark, characters in groupby(value, key=shape))
    return [text for mark, text in runs if mark in ("9", "A", "a")]
