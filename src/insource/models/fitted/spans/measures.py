"""Candidate numbers, quantities and dates."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from insource.matching.dates import parse_date
from insource.matching.numbers import DecimalMark, parse_number
from insource.matching.quantities import parse_quantity
from insource.models.fitted.spans.candidate import Candidate
from insource.models.fitted.spans.document import Document, Reading, Scope
from insource.models.fitted.spans.fields import Field, Taught

_ALONE = r"(?<![^\W_])(?<![^\W_][-./,])"
_NUMBER = re.compile(
    rf"{_ALONE}[0-9]{{1,3}}(?: [0-9]{{3}})+[.,][0-9]{{1,2}}(?![0-9])|{_ALONE}[0-9]+(?:[.,'][0-9]+)*"
)
_PLAIN = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_UNIT = re.compile(r"\s?([A-Za-zµμΩ°%\"][A-Za-z]{0,3})(?![A-Za-z])")
_NEXT_WORD = re.compile(r"[\s\-]*([^\W\d_]*)")
_LETTERS = re.compile(r"[^\W\d_]+")
_SIGN = re.compile(r"(?<![^\s(:=|;,])[-−]$")
_MONTH = r"[A-Za-z]{3,9}\.?"
_ORDINAL = r"[0-9]{1,2}(?:st|nd|rd|th)?"
_DATE = re.compile(
    r"\b[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}\b|\b[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{4}\b"
    rf"|\b[0-9]{{1,2}}[- ]{_MONTH}[- ][0-9]{{4}}\b|\b(?:{_ORDINAL} )?{_MONTH} (?:{_ORDINAL},? )?[0-9]{{4}}\b"
)
_HYPHEN_IN_DATE = re.compile(r"(?<=[0-9])-(?=[A-Za-z])|(?<=[A-Za-z])-(?=[0-9])")
_MAX_DIGITS = 40
_MAX_DAYS = 366


def readings(scope: Scope, decimal: DecimalMark | None = None) -> Iterator[Reading]:
    """Yield the numbers of a scope; of what is no number as a whole, the plain numbers in it."""
    document = scope.document
    if (known := document.readings.get(decimal)) is None:
        known = document.readings[decimal] = list(_readings(document.text, decimal))
    return (one for one in known if scope.start <= one.start and one.end <= scope.end)


def _readings(text: str, decimal: DecimalMark | None) -> Iterator[Reading]:
    for match in _NUMBER.finditer(text):
        parts = [match] if _value(match[0], decimal) is not None else _PLAIN.finditer(text, *match.span())
        for part in parts:
            if (value := _value(part[0], decimal)) is not None:
                yield Reading(part.start(), part.end(), value, next_word(text, part.end()))


def _value(text: str, decimal: DecimalMark | None) -> float | None:
    number = parse_number(text, decimal) if len(text) <= _MAX_DIGITS else None
    return None if number is None else float(number)


def next_word(text: str, position: int) -> str:
    """Return the word right behind a place in lower case, empty when something else stands there."""
    match = _NEXT_WORD.match(text, position, position + 16)
    return match[1].casefold() if match else ""


def whole(value: float) -> int | float:
    """Return a number without a fraction as an integer."""
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def numbers(scope: Scope, field: Field, taught: Taught) -> Iterator[Candidate]:
    """Yield numbers as they stand, with a minus sign, times a learned factor, and learned number words."""
    text = scope.document.text
    for one in readings(scope, field.comparator.decimal):
        yield from _numbers(one, field, "x1")
        if _SIGN.search(text, max(0, one.start - 2), one.start):
            yield from _numbers(one._replace(start=one.start - 1, value=-one.value), field, "minus")
        for factor in taught.factors.get(one.unit, ()):
            scaled = one.value * factor
            if math.isclose(scaled, round(scaled), abs_tol=1e-6):
                yield Candidate(one.start, one.end, round(scaled), f"x{factor:.6g}")
    if taught.aliases:
        yield from _number_words(scope, taught)


def _numbers(one: Reading, field: Field, tag: str) -> Iterator[Candidate]:
    value = whole(one.value)
    if math.isfinite(value) and (isinstance(value, int) or field.comparator.kind != "integer"):
        yield Candidate(one.start, one.end, value, tag)


def _number_words(scope: Scope, taught: Taught) -> Iterator[Candidate]:
    document, (first, behind) = scope.document, scope.tokens()
    for token in document.tokens[first:behind]:
        for start, end in _word_places(token.text, token.folded, taught):
            value = taught.aliases[token.text[start:end].casefold()]
            yield Candidate(token.start + start, token.start + end, value, "w")
            for factor in taught.factors.get(next_word(document.text, token.start + end), ()):
                scaled = value * factor
                if math.isclose(scaled, round(scaled), abs_tol=1e-6):
                    yield Candidate(token.start + start, token.start + end, round(scaled), f"wx{factor:.6g}")


def _word_places(text: str, folded: str, taught: Taught) -> list[tuple[int, int]]:
    if folded in taught.aliases:
        return [(0, len(text))]
    if folded.isalpha():
        return []
    return [match.span() for match in _LETTERS.finditer(text) if match[0].casefold() in taught.aliases]


def quantities(scope: Scope, field: Field, taught: Taught) -> Iterator[Candidate]:
    """Yield amounts in the field's unit. The tag says whether the unit behind is of its kind.

    Another unit is no reason to leave a candidate out: people write "c/s" and "phases" (Hz, V).
    """
    text = scope.document.text
    base = parse_quantity("1", field.comparator.unit) if field.comparator.unit else None
    for one in readings(scope, field.comparator.decimal):
        unit = _UNIT.match(text, one.end)
        amount, tag = one.value, "u0"
        if unit is not None:
            found = parse_quantity(
                f"{text[one.start : one.end]} {unit[1]}", field.comparator.unit, field.comparator.decimal
            )
            tag = "ux" if found is None or not found.known else "uc"
            if found is not None and base is not None and found.kind == base.kind:
                amount, tag = float(found.low), "u1"
        if math.isfinite(amount):
            yield Candidate(one.start, one.end, _quantity(amount, unit and unit[1], field, taught), tag)


def _quantity(amount: float, unit: str | None, field: Field, taught: Taught) -> str:
    suffix = taught.suffix or (
        f" {field.comparator.unit}" if field.comparator.unit else f" {unit}" if unit else ""
    )
    return f"{amount:.12g}{suffix}"


def unit_behind(document: Document, position: int) -> str:
    """Return the unit right behind an amount in lower case, empty for none."""
    match = _UNIT.match(document.text, position)
    return match[1].casefold() if match else ""


def dates(scope: Scope, field: Field, taught: Taught) -> Iterator[Candidate]:
    """Yield dates, an ambiguous one both ways, and where training needs it dates and a number of days."""
    text, found = scope.document.text, []
    orders: tuple[tuple[bool | None, str], ...] = ((None, "d"), (True, "df"), (False, "mf"))
    for match in _DATE.finditer(text, scope.start, scope.end):
        spelling, seen = _HYPHEN_IN_DATE.sub(" ", match[0]), set()
        for day_first, tag in (
            orders if field.comparator.day_first is None else ((field.comparator.day_first, "d"),)
        ):
            moment = parse_date(spelling, day_first)
            if moment is not None and len(moment.day) == 3 and moment.day not in seen:
                seen.add(moment.day)
                found.append((match.start(), match.end(), date(*moment.day)))
                yield Candidate(match.start(), match.end(), written(date(*moment.day), taught), tag)
    if taught.sums:
        yield from _sums(scope, taught, {day: (start, end) for start, end, day in reversed(found)})


def _sums(scope: Scope, taught: Taught, found: dict[date, tuple[int, int]]) -> Iterator[Candidate]:
    for match in _NUMBER.finditer(scope.document.text, scope.start, scope.end):
        if not (match[0].isdigit() and len(match[0]) <= 3 and 0 < int(match[0]) <= _MAX_DAYS):
            continue
        for day, (start, end) in found.items():
            if not start <= match.start() < end and day.year < date.max.year - 1:
                value = written(day + timedelta(int(match[0])), taught)
                yield Candidate(match.start(), match.end(), value, "sum", start)


def written(day: date, taught: Taught) -> str:
    """Return a date as the training targets write it; ISO 8601 where nothing else was learned."""
    return day.strftime(taught.date_format) if taught.date_format else day.isoformat()


def as_number(value: Any) -> float | None:
    """Return a target as a number, None when it is none."""
    number = parse_number(value)
    if number is None or not math.isfinite(float(number)):
        return None
    return float(number)
