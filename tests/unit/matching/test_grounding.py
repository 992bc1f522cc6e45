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
