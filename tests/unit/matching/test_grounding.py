"""The grounding ladder: the rung a value is found on, and token boundaries."""

from __future__ import annotations

import pytest

from insource.matching.comparators import Comparator
from insource.matching.grounding import grounding_tier

SOURCE = (
    "Rated 480 V AC, 0.24 kV control; total 1,234.50 EUR; ambient -5 °C; weight 1.48 kg; "
    "dated 3 March 2024; model AB-480X; 12,5 A; Three-Phase supply"
)
VOLTS = Comparator("quantity", unit="V")


@pytest.mark.parametrize(
    ("value", "comparator", "tier"),
    [
        ("480 V", VOLTS, "exact"),
        (480, None, "exact"),
        ("ab-480x", None, "normalised"),
        (1234.5, None, "number"),
        (12.5, None, "number"),
        (-5, None, "exact"),
        ("2024-03-03", None, "date"),
        ("240 V", VOLTS, "quantity"),
        ("1480 g", Comparator("quantity"), "quantity"),
        ("3-phase", Comparator("enum", aliases={"three-phase": "3-phase"}), "alias"),
    ],
)
def test_supported(value, comparator, tier):
    assert grounding_tier(value, SOURCE, comparator) == tier


@pytest.mark.parametrize(
    ("value", "comparator"),
    [
        ("48", None),
        (48, None),
        (1.4, None),
        (5, None),
        ("AB-48", None),
        ("tot", None),
        ("415 V", VOLTS),
        ("240 A", Comparator("quantity", unit="A")),
        ("2024-03-04", None),
        ("3-phase", None),
        (True, None),
        (None, None),
        ("", None),
    ],
)
def test_unsupported(value, comparator):
    assert grounding_tier(value, SOURCE, comparator) is None


@pytest.mark.parametrize(
    ("value", "source", "comparator", "tier"),
    [
        (0.125, "weight 0,125 kg", None, "number"),
        (1234567, "in all 1\u202f234\u202f567 pieces", None, "number"),
        (1234567, "in all 1’234’567 pieces", None, "number"),
        (1234567, "in all 12,34,567 pieces", None, "number"),
        (1234, "in all 1.234 pieces", Comparator("number", decimal=","), "number"),
        (12345678901234567890, "no. 12,345,678,901,234,567,890", None, "number"),
        ("2024-03-01", "dated 20240301", None, "date"),
        ("2024-03-01", "dated 01-Mar-2024.", None, "date"),
        ("2024-03-01", "sent 2024-03-01T10:00:00Z", None, "exact"),
        ("1 March 2024", "sent 2024-03-01T10:00:00Z", None, "date"),
        ("5 m3/h", "flow 5 m³/h", Comparator("quantity"), "quantity"),
        ("5000 l/h", "flow 5 m3/h", Comparator("quantity"), "quantity"),
        ("0.5 in", "bore ½ in", Comparator("quantity"), "quantity"),
        ("0.5 in", 'bore 1/2"', Comparator("quantity"), "quantity"),
        ("10 ft", "length 10′", Comparator("quantity"), "quantity"),
        ("293.15 K", "at 20 ℃", Comparator("quantity"), "quantity"),
    ],
)
def test_spellings_are_found_in_their_source(value, source, comparator, tier):
    assert grounding_tier(value, source, comparator) == tier


@pytest.mark.parametrize(
    ("value", "source", "comparator"),
    [
        (125, "weight 0,125 kg", None),
        (1234, "in all 1.234 pieces", None),
        (12345678901234567891, "no. 12,345,678,901,234,567,890", None),
        ("5000 kVA", "rated 5 MW", Comparator("quantity")),
        (20240301, "dated 2024-03-01", Comparator("integer")),
    ],
)
def test_another_value_is_not_found(value, source, comparator):
    assert grounding_tier(value, source, comparator) is None
