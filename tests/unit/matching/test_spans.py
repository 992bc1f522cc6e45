"""Where a value stands in its source, on every rung of the ladder."""

import pytest

from insource.matching.comparators import Comparator
from insource.matching.spans import MOST, find_spans

SOURCE = (
    "Rated 480 V AC, 0.24 kV control; total 1,234.50 EUR; ambient -5 °C; weight 1.48 kg; "
    "dated 3 March 2024; model AB-480X; 12,5 A; Three-Phase\n  supply; 480 V."
)


@pytest.mark.parametrize(
    ("value", "comparator", "found", "tier"),
    [
        ("480 V", None, ["480 V", "480 V"], "exact"),
        (480, None, ["480", "480", "480"], "exact"),
        ("ab–480x", None, ["AB-480X"], "normalised"),
        ("three-phase SUPPLY", None, ["Three-Phase\n  supply"], "normalised"),
        (1234.5, None, ["1,234.50"], "number"),
        (12.5, None, ["12,5"], "number"),
        ("2024-03-03", None, ["3 March 2024"], "date"),
        ("240 V", Comparator("quantity", unit="V"), ["0.24 kV"], "quantity"),
        ("3-phase", Comparator("enum", aliases={"three-phase": "3-phase"}), ["Three-Phase"], "alias"),
        ("48", None, [], None),
        (None, None, [], None),
        (True, None, [], None),
    ],
)
def test_the_places(value, comparator, found, tier):
    spans = find_spans(value, SOURCE, comparator)
    assert [SOURCE[span.start : span.end] for span in spans] == found
    assert {span.tier for span in spans} == ({tier} if tier else set())


def test_places_are_bounded():
    assert len(find_spans("x", "x " * 1000)) == MOST
