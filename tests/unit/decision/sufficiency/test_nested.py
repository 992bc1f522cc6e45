"""Parts of the training split: nested, on a log scale, in orders that do not depend on each other."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.arms import dataset_of

from insource.decision.sufficiency.nested import FEWEST, ordered, part_of, sizes_of


@given(st.integers(FEWEST, 200_000))
def test_sizes_increase_to_all_rows_by_equal_factors(rows):
    sizes = sizes_of(rows)
    assert sizes[-1] == rows
    assert len(sizes) == 5
    ratios = [after / before for before, after in pairwise(sizes)]
    assert max(ratios) / min(ratios) < 1.35


def test_few_rows_have_no_sizes():
    assert sizes_of(FEWEST - 1) == ()


@pytest.fixture
def dataset(rows, label_task):
    examples = rows.examples(rows.tickets(100))
    return dataset_of(examples[:80], examples[80:], label_task)


def test_parts_are_nested_and_all_rows_are_the_split_itself(dataset):
    for order in range(3):
        parts = [
            {one.row_id for one in part_of(dataset, rows, order, 0).splits["train"]} for rows in (8, 40, 80)
        ]
        assert [len(part) for part in parts] == [8, 40, 80]
        assert parts[0] < parts[1] < parts[2]
    assert part_of(dataset, 80, 1, 0) is dataset


def test_two_orders_halve_the_rows_and_a_third_is_another(dataset):
    train = dataset.splits["train"]
    first, second, third = ([one.row_id for one in ordered(train, order, 0)] for order in range(3))
    assert first == second[::-1]
    assert first != third != second
    assert sorted(first) == sorted(third)


def test_only_the_training_rows_change(dataset):
    part = part_of(dataset, 8, 0, 0)
    assert {name: rows for name, rows in part.splits.items() if name != "train"} == {
        name: rows for name, rows in dataset.splits.items() if name != "train"
    }
    assert part.manifest.counts["train"] == 8
