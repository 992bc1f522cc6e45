"""Typed equality: the same value in another spelling is equal, a near miss is not."""

from __future__ import annotations

import pytest

from insource.foundation.errors import ConfigError
from insource.matching.comparators import Comparator, comparator_for, list_kind


def of(**declared):
    return comparator_for({"type": ["string", "null"], "x-insource": declared})


@pytest.mark.parametrize(
    ("gold", "same"),
    [
        ("480 V", "480V"),
        ("480 V", "0.48 kV"),
        ("480 V", "480 V AC"),
        ("480 V", "480 v"),
        ("480 V", 480),
        ("480 V", "480"),
        ("1200 V", "1,200 V"),
    ],
)
def test_the_same_voltage(gold, same):
    assert of(compare="quantity", unit="V").equal(gold, same)


@pytest.mark.parametrize(
    ("gold", "other"),
    [
        ("480 V", "400 V"),
        ("480 V", "480 A"),
        ("480 V", "480 kV"),
        ("24 V AC", "24 V DC"),
        ("5 mW", "5 MW"),
        ("480 V", "about 480 volts or so, depending"),
        ("480 V", None),
        ("480 V", ["480 V"]),
        ("1 pF", "2 pF"),
    ],
)
def test_another_quantity(gold, other):
    assert not of(compare="quantity", unit="V").equal(gold, other)


@pytest.mark.parametrize(
    ("kind", "gold", "other"),
    [
        ("text", ",", "."),
        ("text", "...", "."),
        ("exact", [1, [0]], [True, [False]]),
        ("exact", {"a": 1}, {"a": True}),
        (None, [[1]], [[True]]),
        ("id", "A²", "A2"),
        ("date", "2024-W10", "2024-03-04"),
        ("date", "2024W10", "2024-03-04T00:00:00"),
    ],
)
def test_what_only_looks_the_same_is_not_equal(kind, gold, other):
    comparator = Comparator(kind)
    assert comparator.equal(gold, gold)
    assert not comparator.equal(gold, other)
    assert not comparator.equal(other, gold)


def test_a_whole_week_date_is_its_day():
    assert Comparator("date").equal("2024-W10-1", "2024-03-04")


def test_a_unit_may_be_left_out_only_where_the_schema_fixes_one():
    assert not of(compare="quantity").equal("480 V", "480")
    assert of(compare="quantity", unit="degC").equal("0 °C", "32 °F")


@pytest.mark.parametrize(
    ("gold", "predicted", "equal"),
    [
        (1000, 1100, False),
        (480, "480", True),
        (1234.56, "1.234,56", True),
        (1234.56, "1,234.56", True),
        (-1234, "(1,234)", True),
        (0.05, "5 %", True),
        (5, 5.0, True),
        (1, True, False),
        (2**53, 2**53 + 1, False),
        (10**400, 10**400, True),
        (5, "five", False),
        (5, "1.2.3", False),
    ],
)
def test_numbers(gold, predicted, equal):
    assert comparator_for({"type": "number"}).equal(gold, predicted) is equal


def test_number_tolerances_are_declared():
    assert of(compare="number", abs_tol=0.5).equal(10, 10.4)
    assert of(compare="number", rel_tol=0.01).equal(1000, 1009)
    assert not of(compare="number", rel_tol=0.01).equal(1000, 1100)


@pytest.mark.parametrize(
    ("gold", "predicted", "equal"),
    [
        ("2024-03-01", "1 March 2024", True),
        ("2024-03-01", "March 1st, 2024", True),
        ("2024-03-01", "01.03.2024", True),
        ("2024-03-01", "2024-03-07", False),
        ("2024-03-01", "March 2024", False),
        ("2024-04-03", "03/04/2024", False),
        ("2024-03-25", "25/03/2024", True),
        ("n/a", "N/A", True),
    ],
)
def test_dates(gold, predicted, equal):
    assert comparator_for({"type": "string", "format": "date"}).equal(gold, predicted) is equal


def test_a_declared_day_first_settles_ambiguous_dates():
    assert of(compare="date", day_first=True).equal("2024-04-03", "03/04/2024")
    assert of(compare="date", day_first=False).equal("2024-03-04", "03/04/2024")


def test_times_are_compared_in_utc():
    comparator = comparator_for({"type": "string", "format": "date-time"})
    assert comparator.equal("2024-03-01T10:00:00Z", "2024-03-01T12:00:00+02:00")
    assert not comparator.equal("2024-03-01T10:00:00Z", "2024-03-01T10:00:01Z")


@pytest.mark.parametrize(
    ("gold", "predicted", "equal"),
    [
        ("Modbus TCP", "modbus  tcp", True),
        ("O’Brien – Söhne", "O'Brien - Söhne", True),
        ("C++", "C", False),
        ("-5", "5", False),
        ("10²", "102", False),
        ("Red", "Redd", False),
        ("5", 5, False),
    ],
)
def test_text(gold, predicted, equal):
    assert comparator_for({"type": "string"}).equal(gold, predicted) is equal


def test_ids_ignore_case_and_spaces_only():
    assert of(compare="id").equal("EQ-AB-0012", "eq-ab- 0012")
    assert not of(compare="id").equal("EQ-AB-0012", "EQ-AB-0013")
    assert not of(compare="id").equal("EQ-AB-0012", "EQAB0012")


def test_enums_know_their_aliases_and_keep_members_apart():
    phase = comparator_for(
        {"enum": ["1-phase", "3-phase", None], "x-insource": {"aliases": {"3Ø": "3-phase"}}}
    )
    assert phase.kind == "enum"
    assert phase.equal("3-phase", "3ø")
    assert not phase.equal("3-phase", "three-phase")
    assert not comparator_for({"enum": ["a", "A"]}).equal("a", "A")


@pytest.mark.parametrize("other", [1, "true", None, False])
def test_booleans_are_exact(other):
    assert not comparator_for({"type": "boolean"}).equal(True, other)


def test_without_a_schema_the_label_decides():
    assert comparator_for(None) == Comparator()
    assert comparator_for(None).equal(480, "480")
    assert not comparator_for(None).equal("480V", "400V")


def test_a_misspelled_comparison_is_an_error_with_the_choices():
    with pytest.raises(ConfigError, match="fuzzy") as caught:
        of(compare="fuzzy")
    assert caught.value.code == "unknown-comparator"
    assert "quantity" in caught.value.hint
    with pytest.raises(ConfigError, match="bag"):
        list_kind({"x-insource": {"list": "bag"}})
