"""Tell whether a value can be computed from the numbers of its document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate, groupby
from typing import Any

from insource.matching.comparators import Comparator
from insource.matching.grounding import NUMBERS, grounding_tier
from insource.matching.numbers import DecimalMark, parse_number

MOST = 40
"""Different numbers of a document that are combined."""
LINES = 100
"""Lines of a document whose columns are added up."""
CHANCE = 0.05
"""The largest chance of hitting a value by accident, from how densely the results lie around it."""
FACTORS = (10.0, 100.0, 1000.0, 1e6, 7.0, 12.0, 24.0, 60.0, 3600.0, 2.54, 25.4, 0.3048, 0.45359237)
"""Between units that documents and fields use: powers of ten, time, inches, feet, pounds."""

_FIRST = re.compile(r"\d[\d.,]*")


def is_computed(value: Any, source: str, comparator: Comparator) -> bool:
    """Return whether a value is a sum, difference, product, quotient or conversion of numbers in ``source``.

    A number that stands in the document is not computed. With many numbers, some combination gives nearly
    any short value: such a hit is not counted.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return False
    tier = grounding_tier(value, source, comparator)
    if tier is not None:
        return tier == "quantity" and not _number_stands(value, source)
    number = parse_number(value, comparator.decimal)
    if number is None:
        return False
    wanted, step = float(number), 10.0 ** min(0, int(number.as_tuple().exponent))
    numbers = numbers_in(source, comparator.decimal)
    pairs = list(_pairs(numbers))
    return any(
        _is_hit(wanted, step, results)
        for results in (list(_totals(source, comparator.decimal)), list(_converted(numbers)), pairs)
    )


def _number_stands(value: Any, source: str) -> bool:
    found = _FIRST.search(str(value))
    return found is not None and grounding_tier(found[0].rstrip(".,"), source) is not None


@lru_cache(maxsize=64)
def numbers_in(source: str, decimal: DecimalMark | None = None) -> tuple[float, ...]:
    """Return the first ``MOST`` different numbers of a text."""
    found = (parse_number(match.strip(), decimal) for match in NUMBERS.findall(source))
    return tuple(dict.fromkeys(float(number) for number in found if number is not None))[:MOST]


def _pairs(numbers: tuple[float, ...]) -> Iterator[float]:
    for place, one in enumerate(numbers):
        for other in numbers[place + 1 :]:
            yield from (one + other, abs(one - other), one * other, one * other / 100)
            yield from (a / b for a, b in ((one, other), (other, one)) if b)
        yield one * one


def _converted(numbers: tuple[float, ...]) -> Iterator[float]:
    for number in numbers:
        for factor in FACTORS:
            yield from (number * factor, number / factor)


def _totals(source: str, decimal: DecimalMark | None) -> Iterator[float]:
    """Yield the sums of columns: of the numbers below each other in lines that have equally many."""
    lines = [
        [float(number) for match in NUMBERS.findall(line) if (number := parse_number(match.strip(), decimal))]
        for line in source.splitlines()
    ]
    for count, block in groupby(lines[:LINES], key=len):
        rows = list(block)
        for place in range(count):
            column = [row[place] for row in rows]
            for start in range(len(column) - 2):
                yield from list(accumulate(column[start:]))[2:]


def _is_hit(wanted: float, step: float, results: list[float]) -> bool:
    if not any(abs(result - wanted) <= step / 2 + 1e-9 * abs(wanted) for result in results):
        return False
    # Spread evenly over values of this size, so many results would hit by accident this often.
    near = sum(abs(wanted) / 2 <= abs(result) <= 2 * abs(wanted) for result in results)
    return near * step <= CHANCE * 1.5 * abs(wanted)
