"""The same in another spelling: case, marks, order, plural, format; never another value."""

from __future__ import annotations

import pytest

from insource.matching.likeness import label_meant, same_otherwise_spelled, says_nothing


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("three-phase", "Three Phase", True),
        ("Ocean Motors", "motors, ocean", True),
        ("Tea Bags", "Teabags", True),
        ("Gummies", "Gummy", True),
        ("1,000", 1000, True),
        ("7", 7, True),
        ("2024-03-01", "March 1, 2024", True),
        ("480V", "0.48 kV", True),
        (True, "true", True),
        ("480 V", "400 V", False),
        ("-5", "5", False),
        ("A-12", "A12", False),
        ("2.50", "25.0", False),
        ("red", "green", False),
        ("C++", "C", False),
        ("C#", "c#", True),
        ("", "", False),
        (None, "x", False),
        ([1], 1, False),
    ],
)
def test_the_same_otherwise_spelled(one, other, same):
    assert same_otherwise_spelled(one, other) is same
    assert same_otherwise_spelled(other, one) is same


NAMES = ("debt_collection", "mortgages_and_loans", "credit_card", "credit_reporting")


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Debt Collection", "debt_collection"),
        ("collection of debts", "debt_collection"),
        ("The label is credit card.", "credit_card"),
        ("mortgage", "mortgages_and_loans"),
        ("credti reporting", "credit_reporting"),
        ("credit", None),
        ("auto_loan", None),
        ("student_loans", None),
        ("", None),
        ("credit card or credit reporting", None),
    ],
)
def test_the_label_that_is_meant(text, label):
    assert label_meant(text, NAMES) == label


@pytest.mark.parametrize(
    ("value", "nothing"),
    [
        ("n/a", True),
        ("N.A.", True),
        ("None", True),
        ("—", True),
        ("nonesuch", False),
        ("0", False),
        (0, False),
    ],
)
def test_what_says_nothing(value, nothing):
    assert says_nothing(value) is nothing
