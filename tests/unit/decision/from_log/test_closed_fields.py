"""The fields of answers that take few values, and when each was first seen."""

import pytest

from insource.contract.field_evidence import MAX_ENUM
from insource.contract.infer import MAX_LABEL_LENGTH
from insource.decision.from_log.closed_fields import MOST_FIELDS, ClosedFields


def observed(answers):
    fields = ClosedFields()
    for answer in answers:
        fields.observe(answer)
    return fields


def test_labels_are_one_closed_field():
    fields = observed(["a", "b"] * 40)
    assert fields.names() == ("label",)
    assert fields.new_in_later_half() == 0


@pytest.mark.parametrize(("new", "found"), [(0, 0), (1, 1), (3, 3)])
def test_values_first_seen_later_are_new(new, found):
    answers = [{"kind": "old"}] * 200 + [
        {"kind": f"new {n % new if new else 0}" if new else "old"} for n in range(199)
    ]
    assert observed(answers).new_in_later_half() == found


def test_a_field_of_many_or_rare_or_long_values_is_not_closed():
    many = [{"id": str(n % (MAX_ENUM + 1))} for n in range(5000)]
    rare = [{"id": str(n % 10)} for n in range(100)]
    long = [{"id": "x" * (MAX_LABEL_LENGTH + 1)}] * 100
    for answers in (many, rare, long):
        assert observed(answers).names() == ()


def test_numbers_and_nested_values_are_left_out():
    assert observed([{"n": 1, "at": {"deep": "x"}, "list": ["x"], "none": None}] * 100).names() == ()


def test_fields_are_bounded():
    fields = observed([{f"f{n}": "x" for n in range(2 * MOST_FIELDS)}] * 30)
    assert len(fields.names()) == MOST_FIELDS
