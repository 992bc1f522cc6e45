"""Compute normal forms of values: text, ids, numbers, dates and quantities.

Each function takes any JSON value and returns its normal form, or None when the value is not of
that type. Nothing raises.
"""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

# A superscript is an exponent: NFKC alone would turn 10² into 102.
_SUPERSCRIPTS = {ord(c): f"^{d}" for c, d in zip("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789", strict=True)}
_PUNCTUATION = {
    **dict.fromkeys(map(ord, "‘’‚‛′´`ʼ"), "'"),
    **dict.fromkeys(map(ord, "“”„‟″«»"), '"'),
    **dict.fromkeys(map(ord, "‐‑‒–—―−﹣－"), "-"),
    **dict.fromkeys(map(ord, "\u200b\u200c\u200d\ufeff\u00ad"), ""),
    ord("…"): "...",
}


class Quantity(NamedTuple):
    """A magnitude in the unit the field fixes, else in base units; ``qualifier`` is AC, DC or empty."""

    magnitude: float
    dimension: str
    qualifier: str


def fold_text(value: str) -> str:
    """Casefold, NFKC, typographic punctuation to ASCII, one space between words, no closing period.

    Punctuation is folded, not dropped: ``C++`` stays apart from ``C``, ``-5`` from ``5``.
    """
    text = unicodedata.normalize("NFKC", value.translate(_SUPERSCRIPTS).translate(_PUNCTUATION))
    return " ".join(text.translate(_PUNCTUATION).casefold().split()).rstrip(" .;,")


def fold_id(value: Any) -> str | None:
    """Return an identifier after case and space rules; numbers are read as their digits."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return "".join(unicodedata.normalize("NFKC", str(value).translate(_PUNCTUATION)).casefold().split())


_NUMBER = re.compile(r"[+-]?(?:\d[\d.,' ]*|[.,]\d+)(?:[eE][+-]?\d{1,3})?")
_THOUSANDS = {sep: re.compile(rf"\d{{1,3}}(?:[{sep}]\d{{3}})+") for sep in (",", ".", "' ")}


def parse_number(value: Any) -> float | None:
    """Return a finite number from JSON or from text in the usual spellings.

    ``1,234.56`` and ``1.234,56`` are the same; a lone comma before exactly three digits groups
    thousands, a lone point is always decimal; ``(12)`` is -12 and ``5 %`` is 0.05.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        try:
            number = float(value)
        except OverflowError:
            return None
        return number if math.isfinite(number) else None
    if not isinstance(value, str) or len(value) > 64:
        return None
    text = unicodedata.normalize("NFKC", value.translate(_PUNCTUATION)).strip()
    percent = text.endswith("%")
    text = text.removesuffix("%").strip()
    negative = text.startswith("(") and text.endswith(")")
    text = text[1:-1].strip() if negative else text
    if not _NUMBER.fullmatch(text) or not text.isascii():
        return None
    plain = _plain_decimal(text)
    if plain is None:
        return None
    number = float(plain)
    return (-number if negative else number) / (100 if percent else 1) if math.isfinite(number) else None


def _plain_decimal(text: str) -> str | None:
    """Return the digits with at most one point, or None when the separators make no sense."""
    mantissa, mark, exponent = text.partition("e" if "e" in text else "E")
    sign = mantissa[0] if mantissa[0] in "+-" else ""
    digits = mantissa.removeprefix(sign).strip()
    decimal = max(digits.rfind("."), digits.rfind(","))
    whole, fraction = (digits, "") if decimal < 0 else (digits[:decimal], digits[decimal + 1 :])
    last = "" if decimal < 0 else digits[decimal]
    lone_comma = last == "," and len(fraction) == 3 and whole.isdigit()
    if lone_comma or (last and last in whole):
        whole, fraction = digits, ""  # the last separator groups thousands
    if fraction and not fraction.isdigit():
        return None
    if not whole.isdigit() and whole:
        if not any(pattern.fullmatch(whole) for pattern in _THOUSANDS.values()):
            return None
        whole = re.sub(r"[.,' ]", "", whole)
    return f"{sign}{whole or '0'}.{fraction or '0'}{mark}{exponent}"


_MONTHS = {
    name: month
    for month, names in enumerate(
        (
            "jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july",
            "aug august", "sep sept september", "oct october", "nov november", "dec december",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_ISO_DATE = re.compile(r"(\d{4})[-/.](\d{1,2})(?:[-/.](\d{1,2}))?")
_NUMERIC_DATE = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})")
_NAMED_DAY = re.compile(r"(?:(\d{1,2})(?:st|nd|rd|th)? )?([a-z]+) (?:(\d{1,2})(?:st|nd|rd|th)? )?(\d{4})")


def parse_date(value: Any, day_first: bool | None = None) -> tuple[int, ...] | None:
    """(year, month), (year, month, day) or, with a time, (year, …, second, microsecond) in UTC.

    Precision is kept: ``March 2024`` is not ``2024-03-01``. ``03/04/2024`` is a date only when
    ``day_first`` says which half is the day, or when one half exceeds 12; with points
    (``03.04.2024``) the day comes first. Two-digit years are not dates.
    """
    if not isinstance(value, str) or len(value) > 64:
        return None
    text = " ".join(fold_text(value).replace(",", " ").split())
    parts = _numeric_date(text, day_first) or _named_date(text)
    if parts is None:
        return _date_time(value.strip()) if ":" in value else None
    try:
        datetime(parts[0], parts[1], parts[2] if len(parts) > 2 else 1, tzinfo=UTC)
    except ValueError:
        return None
    return parts


def _numeric_date(text: str, day_first: bool | None) -> tuple[int, ...] | None:
    if iso := _ISO_DATE.fullmatch(text):
        return tuple(int(part) for part in iso.groups() if part)
    if not (match := _NUMERIC_DATE.fullmatch(text)):
        return None
    first, second, year = int(match[1]), int(match[3]), int(match[4])
    if day_first is None and match[2] == ".":
        day_first = True
    if day_first is None and (first > 12) != (second > 12):
        day_first = first > 12
    if day_first is None:
        return None
    return (year, second, first) if day_first else (year, first, second)


def _named_date(text: str) -> tuple[int, ...] | None:
    match = _NAMED_DAY.fullmatch(text.replace(".", " ").replace("  ", " "))
    if not match or match[2] not in _MONTHS or (match[1] and match[3]):
        return None
    day = match[1] or match[3]
    return (int(match[4]), _MONTHS[match[2]], *((int(day),) if day else ()))


def _date_time(text: str) -> tuple[int, ...] | None:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return (*moment.timetuple()[:6], moment.microsecond)


_QUANTITY = re.compile(r"([+-]?[\d.,' ]*\d(?:[eE][+-]?\d{1,3})?)\s*([^\d\s].{0,23})?")
_QUALIFIER = re.compile(r"(.*?)[ -]?(ac|dc)", re.IGNORECASE)
_SPELLINGS = {"Ohm": "ohm", "Ohms": "ohm", "Nm": "N*m", '"': "inch", "''": "inch"}  # pint reads Nm as 1/nm


def parse_quantity(value: Any, unit: str | None = None) -> Quantity | None:
    """Number and unit: ``480V`` = ``480 V`` = ``0.48 kV``. ``unit`` is the one the schema fixes.

    A number without unit counts only when the schema fixes one. Symbols keep their case (mW is not
    MW), except that the fixed unit may be miscased when nothing else it could be fits (``480 v``).
    A unit pint does not know compares by its spelling.
    """
    if not isinstance(value, str):
        number = parse_number(value)
        return None if number is None else _quantity(number, unit or "", unit)
    if len(value) > 64:
        return None
    text = unicodedata.normalize("NFC", value.translate(_PUNCTUATION)).strip()
    match = _QUANTITY.fullmatch(text)
    number = parse_number(match[1]) if match else None
    if match is None or number is None:
        return None
    return _quantity(number, (match[2] or "").strip(" .") or unit or "", unit)


def _quantity(number: float, symbol: str, unit: str | None) -> Quantity | None:
    qualifier = ""
    if _known(symbol) is None and (match := _QUALIFIER.fullmatch(symbol)):
        symbol, qualifier = match[1].strip() or unit or "", match[2].upper()
    fixed = _known(unit) if unit else None
    known = _known(symbol)
    if unit and known != fixed and symbol.casefold() == unit.casefold():
        symbol, known = unit, fixed
    if known is None:
        return Quantity(number, "unit " + fold_text(symbol), qualifier)
    target = unit if unit and known == fixed else None
    magnitude = _convert(number, symbol, target)
    return None if magnitude is None else Quantity(magnitude, known, qualifier)


@lru_cache(maxsize=1)
def _registry() -> Any:
    from pint import UnitRegistry  # slow to import, and most tasks have no quantity

    return UnitRegistry()


@lru_cache(maxsize=4096)
def _known(symbol: str) -> str | None:
    """Return the dimension of a unit pint knows, else None."""
    if not re.fullmatch(r"[^\W\d_]?[\w%°'\"µΩ·*/^. -]{0,23}", symbol) or re.search(r"\d\d|__|\*\*", symbol):
        return None
    try:
        return str(_registry().parse_units(_SPELLINGS.get(symbol, symbol)).dimensionality)
    except Exception:  # pint raises whatever its tokenizer meets: AssertionError, AttributeError, TypeError …
        return None


def _convert(number: float, symbol: str, target: str | None) -> float | None:
    try:
        quantity = _registry().Quantity(number, _SPELLINGS.get(symbol, symbol))
        converted = quantity.to(_SPELLINGS.get(target, target)) if target else quantity.to_base_units()
        magnitude = float(converted.magnitude)
    except Exception:  # as above, and offset or logarithmic units that do not convert
        return None
    return magnitude if math.isfinite(magnitude) else None
