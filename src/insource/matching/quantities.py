"""Read physical quantities: one amount with its unit, or a range of two."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

from insource.matching.normal_forms import fold_characters, fold_text
from insource.matching.numbers import MAX_LENGTH, DecimalMark, parse_number
from insource.matching.units import Unit, read_unit

_FRACTION = r"[0-9]+\s?/\s?[0-9]+(?![0-9])"
_AMOUNT = (
    rf"[+-]?\s?(?:(?:[0-9]+[ -])?{_FRACTION}"
    r"|(?:[0-9]+(?:[.,][0-9]+)*|[.,][0-9]+)(?:[ '][0-9]{3}(?![0-9])(?:[.,][0-9]+)*)*"
    r"(?:[eE][+-]?[0-9]{1,3}|\s?[x×*·⋅]\s?10\^[+-]?[0-9]{1,3})?)"
)
_LEFT_UNIT = r"[^\s\d+\-/.,~][^\d]{0,15}?(?:\^?[23])?"
_UNIT = r"1/[^\W\d_].*|[^\s\d+\-,~(].*"
_SINGLE = re.compile(rf"({_AMOUNT})\s*({_UNIT})?")
_RANGE = re.compile(rf"({_AMOUNT})\s*({_LEFT_UNIT})??\s*(?:-|~|\.\.\.?|\bto\b)\s*({_AMOUNT})\s*({_UNIT})?")
# A hyphen joins feet and inches (5'-10"); between other units it is a range.
_PARTS = re.compile(rf"({_AMOUNT})\s*([^\W\d_]+|''|[°'\"])(?:\s*|(?<=')\s?-\s?)(?=[0-9]|$)")
_MIXED = re.compile(r"([+-]?)\s?(?:([0-9]+)[ -])?([0-9]+)\s?/\s?([0-9]+)")
# Only what is written on rulers: 110/230 V are two voltages.
_DENOMINATORS = frozenset({2, 3, 4, 5, 6, 8, 10, 16, 32, 64, 128})
_ANGLES = {"'": "arcminute", '"': "arcsecond", "''": "arcsecond"}
_QUALIFIER = re.compile(r"(.*?)[ -]?(ac|dc|~|⎓)", re.IGNORECASE)
_QUALIFIERS = {"~": "AC", "⎓": "DC"}

UNKNOWN = "unit "
"""The kind of a unit that is not known begins with this, and goes on with its folded spelling."""


class Quantity(NamedTuple):
    """An exact amount or range, in the unit the field fixes, else in SI base units.

    ``low`` and ``high`` are equal except for a range; ``qualifier`` is AC, DC or empty.
    """

    low: Fraction
    high: Fraction
    kind: str
    qualifier: str = ""

    @property
    def known(self) -> bool:
        """Whether the unit is known; otherwise its spelling is compared as text."""
        return not self.kind.startswith(UNKNOWN)


def parse_quantity(
    value: Any, unit: str | None = None, decimal: DecimalMark | None = None
) -> Quantity | None:
    """Return the quantity that a JSON value is: ``480V`` = ``480 V`` = ``0.48 kV``; ``unit`` is the field's.

    A number without a unit counts only when the field fixes one. Symbols keep their case (mW is not MW),
    except that the field's unit may be miscased when nothing else it could be fits (``480 v``). A unit that
    is not known compares by its spelling.
    """
    if isinstance(value, str):
        return _parsed(value, unit, decimal) if len(value) <= MAX_LENGTH else None
    number = parse_number(value)
    return None if number is None else _quantity((Fraction(number),), "", unit)


@lru_cache(maxsize=1 << 14)
def _parsed(value: str, unit: str | None, decimal: DecimalMark | None) -> Quantity | None:
    text = fold_characters(value).strip()
    if (found := _range(text, unit, decimal)) is not None:
        return found
    match = _SINGLE.fullmatch(text)
    if match is None:
        return _sum(text, unit, decimal)
    amount = _amount(match[1], decimal)
    if amount is None:
        return None
    found = _quantity((amount,), match[2] or "", unit)
    return found if found.known else _sum(text, unit, decimal) or found


def _range(text: str, unit: str | None, decimal: DecimalMark | None) -> Quantity | None:
    """Read ``10-20 V``, ``10 V to 20 V``; the unit behind the second amount holds for both."""
    match = _RANGE.fullmatch(text)
    if match is None or (match[2] and not match[4]):
        return None
    low, high = _amount(match[1], decimal), _amount(match[3], decimal)
    if low is None or high is None:
        return None
    right = _quantity((high,), match[4] or "", unit)
    left = _quantity((low,), match[2] or match[4] or "", unit)
    if left.kind != right.kind or left.qualifier not in ("", right.qualifier) or left.low > right.low:
        return None
    return right._replace(low=left.low)


def _sum(text: str, unit: str | None, decimal: DecimalMark | None) -> Quantity | None:
    """Read a sum of ever smaller units of one kind: ``5' 10"``, ``1 h 30 min``, ``45°30'``."""
    parts = _PARTS.findall(text)
    if len(parts) < 2 or _PARTS.sub("", text).strip():
        return None
    amounts = [amount for text, _ in parts if (amount := _amount(text, decimal)) is not None]
    angles = _ANGLES if parts[0][1] == "°" else {}
    units = [known for _, name in parts if (known := read_unit(angles.get(name, name))) is not None]
    sizes = [known.scale for known in units]
    one_kind = len({known.kind for known in units}) == 1 and not any(known.offset for known in units)
    if not (len(amounts) == len(units) == len(parts) and one_kind and min(amounts[1:]) >= 0):
        return None
    if sizes != sorted(set(sizes), reverse=True):
        return None
    total = sum((abs(amount) * size for amount, size in zip(amounts, sizes, strict=True)), Fraction(0))
    return _in_unit((-total if text.startswith("-") else total,), units[0], unit)


def _amount(text: str, decimal: DecimalMark | None) -> Fraction | None:
    """Return a number, or a proper fraction in its lowest terms (``1/2``, ``1 1/2``, ``1-1/2``)."""
    if match := _MIXED.fullmatch(text.strip()):
        numerator, denominator = int(match[3]), int(match[4])
        lowest = 0 < numerator < denominator and math.gcd(numerator, denominator) == 1
        if not lowest or denominator not in _DENOMINATORS:
            return None
        size = int(match[2] or 0) + Fraction(numerator, denominator)
        return -size if match[1] == "-" else size
    number = parse_number(text.strip(), decimal)
    return None if number is None else Fraction(number)


def _quantity(amounts: Sequence[Fraction], symbol: str, unit: str | None) -> Quantity:
    symbol, qualifier = symbol.strip() or unit or "", ""
    if read_unit(symbol) is None and (match := _QUALIFIER.fullmatch(symbol.strip(" ."))):
        symbol, mark = match[1].strip() or unit or "", match[2]
        qualifier = _QUALIFIERS.get(mark, mark.upper())
    known, fixed = read_unit(symbol), read_unit(unit) if unit else None
    if (
        unit
        and fixed
        and (known is None or known.kind != fixed.kind)
        and symbol.casefold() == unit.casefold()
    ):
        known = fixed
    if known is None:
        return Quantity(amounts[0], amounts[-1], UNKNOWN + fold_text(symbol), qualifier)
    return _in_unit([amount * known.scale + known.offset for amount in amounts], known, unit, qualifier)


def _in_unit(amounts: Sequence[Fraction], known: Unit, unit: str | None, qualifier: str = "") -> Quantity:
    """Return amounts in base units as a quantity, in the field's unit where that is of their kind."""
    target = read_unit(unit) if unit else None
    if target is not None and target.kind == known.kind:
        amounts = [(amount - target.offset) / target.scale for amount in amounts]
    return Quantity(amounts[0], amounts[-1], known.kind, qualifier)
