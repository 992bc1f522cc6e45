"""Items of two lists: equal ones first, the rest by assignment, and what a limit leaves out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from insource.matching.align import align
from insource.matching.assignment import canonical, pair
from insource.matching.comparators import Comparator

WORDS = st.lists(st.sampled_from(["a", "A", " a", "b", "B", "c"]), max_size=7)
PAIRS = st.lists(st.tuples(st.sampled_from("xXy"), st.sampled_from("pPq")), max_size=6)
TEXT = Comparator("text")
ROWS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {key: {"type": "string"} for key in ("sku", "note", "unit", "site")},
    },
}


def in_common(one, other):
    return sum(TEXT.equal(a, b) for a, b in zip(one, other, strict=True))


def best(left, right, gain):
    """The gain of the full assignment."""
    if not left or not right:
        return 0
    gains = [[gain(a, b) for b in right] for a in left]
    rows, columns = linear_sum_assignment(gains, maximize=True)
    return sum(gains[i][j] for i, j in zip(rows, columns, strict=True))


@given(WORDS, WORDS)
def test_pairing_equal_scalars_first_costs_no_match(left, right):
    found = pair(left, right, lambda i, j: TEXT.equal(left[i], right[j]), most=1000)
    assert found.complete
    assert len(found.partner) == len(set(found.partner.values())) == best(left, right, TEXT.equal)


@given(PAIRS, PAIRS)
def test_pairing_equal_rows_first_costs_no_equal_leaf(left, right):
    found = pair(left, right, lambda i, j: in_common(left[i], right[j]), most=1000)
    assert sum(in_common(left[i], right[j]) for i, j in found.partner.items()) == best(left, right, in_common)


def test_a_tolerance_is_not_transitive_and_can_cost_a_match():
    near = Comparator("number", abs_tol=1).equal
    left, right = [11, 10], [10, 9]
    assert best(left, right, near) == 2
    assert pair(left, right, lambda i, j: near(left[i], right[j]), most=4).partner == {1: 0}


def test_the_half_that_a_row_has_to_share_can_cost_equal_leaves():
    def rows(*lists):
        return [dict(zip(ROWS["items"]["properties"], values, strict=True)) for values in lists]

    label, answer = rows("abcd", "abcz"), rows("abcd", "xycd")
    correct = [slot.bucket for slot in align(label, answer, ROWS)].count("correct")
    # The second rows have one leaf of four in common, too few for a pair. Crosswise it would be 2 and 3.
    assert correct == 4


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": None}, {"a": 1}),
        ({"a": 1, "b": [None, " "]}, {"b": {}, "a": 1}),
        ({"b": "x", "a": 1}, {"a": 1, "b": "x"}),
        ([], None),
    ],
)
def test_the_canonical_form_ignores_order_of_keys_and_members_that_hold_nothing(one, other):
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"), [(1, True), (1, "1"), ("a", "b"), (["a", "b"], ["b", "a"]), (0, None)]
)
def test_what_is_not_the_same_value_has_another_form(one, other):
    assert canonical(one) != canonical(other)


def test_beyond_the_limit_rows_find_the_partner_they_share_most_with():
    left = [{"sku": f"A{i}", "qty": i, "note": "x"} for i in range(60)]
    right = [{**row, "qty": row["qty"] + 1000} for row in reversed(left)]
    asked = []

    def gain(i, j):
        asked.append((i, j))
        return sum(left[i][key] == right[j][key] for key in left[i])

    found = pair(left, right, gain, most=300)
    assert not found.complete
    assert len(asked) <= 300
    assert found.partner == {i: 59 - i for i in range(60)}


@pytest.mark.parametrize(("n", "m"), [(3, 5000), (5000, 3), (2300, 2100)])
def test_a_list_too_long_for_the_assignment_is_cut_after_equal_items_are_paired(n, m):
    left, right = [f"l{i}" for i in range(n)], [f"r{i}" for i in range(m)]
    left[-1] = right[-1]
    found = pair(left, right, lambda i, j: 0.0, most=100)
    assert found.partner == {n - 1: m - 1}
    assert found.complete == (n * m < 100)
