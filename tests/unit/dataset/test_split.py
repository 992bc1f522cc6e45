"""Splits: given ones honoured, missing ones carved, no input on two sides."""

from insource.dataset.normal import normalised
from insource.dataset.split import DEFAULT_FRACTIONS, assign_splits, drop_leaks, placed
from insource.types import Provenance, Row


def row(number, text=None, split=None, group=None):
    where = Provenance(source="rows.jsonl", line=number)
    return placed(
        Row(
            line=number,
            row_id=f"r{number}",
            input=text or f"input {number}",
            output="x",
            split=split,
            group=group,
            provenance=where,
        )
    )


def sizes(assignment):
    return {split: list(assignment.splits.values()).count(split) for split in DEFAULT_FRACTIONS}


def test_all_four_are_carved_when_none_is_given():
    assignment = assign_splits([row(n) for n in range(100)], DEFAULT_FRACTIONS, seed=1)
    assert sizes(assignment) == {"train": 70, "validation": 10, "calibration": 10, "test": 10}
    assert assignment.reason == (
        "No split is given. Carved from the 100 training rows row by row: "
        "test 10, calibration 10, validation 10."
    )


def test_given_splits_are_honoured():
    rows = [row(n, split="test") for n in range(20)] + [row(n) for n in range(20, 110)]
    assignment = assign_splits(rows, DEFAULT_FRACTIONS, seed=1)
    assert sizes(assignment) == {"train": 70, "validation": 10, "calibration": 10, "test": 20}
    assert all(assignment.splits[f"r{n}"] == "test" for n in range(20))


def test_nothing_is_carved_when_all_are_given():
    rows = [row(n, split=split) for n, split in enumerate(DEFAULT_FRACTIONS)]
    assert (
        assign_splits(rows, DEFAULT_FRACTIONS, seed=1).reason
        == "Given: train, validation, calibration, test."
    )


def test_groups_stay_whole():
    rows = [row(n, group=f"g{n % 40}") for n in range(400)]
    assignment = assign_splits(rows, DEFAULT_FRACTIONS, seed=1)
    assert "by whole groups" in assignment.reason
    homes = {r.group: {assignment.splits[o.row_id] for o in rows if o.group == r.group} for r in rows}
    assert all(len(home) == 1 for home in homes.values())


def test_too_few_groups_fall_back_to_rows_and_say_so():
    assignment = assign_splits([row(n, group=f"g{n % 2}") for n in range(100)], DEFAULT_FRACTIONS, seed=1)
    assert "too few or too uneven" in assignment.reason
    assert sizes(assignment)["test"] == 10


def test_equal_inputs_stay_together():
    rows = [row(n, text=f"  Input {n // 2}" if n % 2 else f"input {n // 2}") for n in range(100)]
    assignment = assign_splits(rows, DEFAULT_FRACTIONS, seed=1)
    assert drop_leaks(rows, assignment.splits) == []


def test_the_order_of_the_rows_does_not_matter():
    rows = [row(n) for n in range(60)]
    assert (
        assign_splits(rows, DEFAULT_FRACTIONS, seed=1).splits
        == assign_splits(rows[::-1], DEFAULT_FRACTIONS, seed=1).splits
    )


def test_new_rows_move_few_old_ones():
    rows = [row(n) for n in range(400)]
    before = assign_splits(rows, DEFAULT_FRACTIONS, seed=1).splits
    after = assign_splits([*rows, *(row(n) for n in range(400, 420))], DEFAULT_FRACTIONS, seed=1).splits
    assert sum(before[key] != after[key] for key in before) < 20


def test_a_leak_is_dropped_on_the_side_that_learns():
    rows = [row(1, "Same  text", "train"), row(2, "same text", "test"), row(3, "SAME TEXT", "validation")]
    leaks = drop_leaks(rows, {"r1": "train", "r2": "test", "r3": "validation"})
    assert [(leak.row_id, leak.reason) for leak in leaks] == [("r3", "leak"), ("r1", "leak")]
    assert leaks[1].detail == "the train input is also that of 'r2' in test"


def test_duplicates_within_a_split_keep_their_rows():
    rows = [row(1, "a", "train"), row(2, "a", "train")]
    assert drop_leaks(rows, {"r1": "train", "r2": "train"}) == []


def test_normalised_folds_form_case_and_space():
    assert normalised(" Ｆｉｌｅ\t 1\n") == "file 1"
