"""Splits: given ones honoured, missing ones carved, stored ones kept, whole units only."""

from itertools import pairwise

import numpy as np
import pytest

from insource.dataset.splits.assign import NO_LINKS, Plan, assign_splits
from insource.dataset.splits.keys import moment_of, read_keys
from insource.dataset.splits.leaks import removals
from insource.dataset.splits.stored import Grouping, Stored
from insource.foundation.errors import DataError, UserError
from insource.similarity.normal_text import normalised
from insource.types import SPLITS, Provenance, Row


def row(number, text=None, split=None, **more):
    where = Provenance(source="rows.jsonl", line=number, **more.pop("provenance", {}))
    values = {"output": "x", **more}
    return Row(
        line=number,
        row_id=f"r{number}",
        input=text or f"input {number}",
        split=split,
        provenance=where,
        **values,
    )


def assigned(rows, stored=None, pairs=(), *, labels=False, **plan):
    keys = read_keys(rows, stratified=labels)
    return assign_splits(keys, Plan(**{"seed": 1, **plan}), stored, links_of(keys, pairs))


def links_of(keys, pairs):
    return keys.record[np.array(pairs, np.int64).reshape(-1, 2)]


def homes(rows, made):
    return {r.row_id: SPLITS[place] for r, place in zip(rows, made.split.tolist(), strict=True)}


def sizes(made):
    return {split: int((made.split == place).sum()) for place, split in enumerate(SPLITS)}


def stored_of(rows, made):
    """What a build would store when nothing is dropped."""
    keys = read_keys(rows)
    names = np.r_[made.unit, keys.record]
    names, first = np.unique(names, return_index=True)
    return Stored(names, np.r_[made.split, made.split][first], made.grouping)


def gone(rows, made, stored=None, pairs=()):
    keys = read_keys(rows)
    found = removals(keys, made, stored or Stored(), links_of(keys, pairs))
    return {rows[at].row_id: (removal.reason, removal.link) for at, removal in found.items()}


def test_all_four_are_carved_when_none_is_given():
    made = assigned([row(n) for n in range(100)])
    assert sizes(made) == {"train": 70, "validation": 10, "calibration": 10, "test": 10}
    assert made.reason == (
        "No split is given. Carved from the 100 training rows row by row: "
        "test 10, calibration 10, validation 10."
    )


def test_given_splits_are_honoured():
    rows = [row(n, split="test") for n in range(20)] + [row(n) for n in range(20, 110)]
    made = assigned(rows)
    assert sizes(made) == {"train": 70, "validation": 10, "calibration": 10, "test": 20}
    assert all(homes(rows, made)[f"r{n}"] == "test" for n in range(20))


def test_nothing_is_carved_and_nothing_to_store_when_all_are_given():
    made = assigned([row(n, split=split) for n, split in enumerate(SPLITS)])
    assert made.reason == "Given: train, validation, calibration, test."
    assert made.grouping is None


@pytest.mark.parametrize("group_by", ["auto", "group"])
def test_groups_stay_whole(group_by):
    rows = [row(n, group=f"g{n % 40}") for n in range(400)]
    made = assigned(rows, group_by=group_by)
    assert "by whole groups" in made.reason
    where = homes(rows, made)
    of_group = {r.group: {where[o.row_id] for o in rows if o.group == r.group} for r in rows}
    assert all(len(home) == 1 for home in of_group.values())
    assert sizes(made)["test"] == 40


def test_rows_without_a_group_are_units_of_their_own():
    rows = [row(n, group=f"g{n % 40}" if n % 2 else None) for n in range(400)]
    made = assigned(rows)
    assert "by whole groups" in made.reason
    assert sizes(made)["test"] == 40


def test_too_few_groups_fall_back_to_rows_and_say_so():
    made = assigned([row(n, group=f"g{n % 2}") for n in range(100)])
    assert "too few or too uneven" in made.reason
    assert sizes(made)["test"] == 10


def test_templates_stay_whole():
    words = ["red", "blue", "green", "brown", "black", "white", "grey", "pink", "gold", "lime"]
    rows = [row(n, text=f"{words[n % 10]} {words[n // 10 % 10]} number {n}") for n in range(1000)]
    made = assigned(rows, group_by="template")
    templates = [r.input.rpartition(" ")[0] for r in rows]
    where = {}
    for template, place in zip(templates, made.split.tolist(), strict=True):
        assert where.setdefault(template, place) == place
    assert sizes(made)["test"] == 100


def test_equal_inputs_stay_together():
    rows = [row(n, text=f"  Input {n // 2}" if n % 2 else f"input {n // 2}") for n in range(100)]
    assert gone(rows, assigned(rows)) == {}


def test_near_duplicates_stay_together():
    rows = [row(n) for n in range(100)]
    pairs = np.array([(n, n + 50) for n in range(50)])
    made = assigned(rows, pairs=pairs)
    assert (made.split[pairs[:, 0]] == made.split[pairs[:, 1]]).all()
    assert sizes(made)["test"] == 10


def test_too_many_near_duplicates_are_not_kept_together_but_dropped():
    rows = [row(n) for n in range(100)]
    pairs = np.array([(n, n + 1) for n in range(99)])
    made = assigned(rows, pairs=pairs)
    assert "near-duplicates being too many to stay together" in made.reason
    assert sizes(made)["test"] == 10
    assert set(gone(rows, made, pairs=pairs).values()) == {("bridge", "near")}


def test_the_order_of_the_rows_does_not_matter():
    rows = [row(n, output="ab"[n % 3 == 0]) for n in range(60)]
    turned = rows[::-1]
    assert homes(rows, assigned(rows, labels=True)) == homes(turned, assigned(turned, labels=True))


def test_new_rows_move_few_old_ones_even_when_nothing_is_stored():
    rows = [row(n) for n in range(400)]
    before = homes(rows, assigned(rows))
    more = [*rows, *(row(n) for n in range(400, 420))]
    after = homes(more, assigned(more))
    assert sum(before[key] != after[key] for key in before) < 20


def test_what_is_stored_stays_and_new_rows_join_their_group():
    rows = [row(n, group=f"g{n % 40}") for n in range(400)]
    made = assigned(rows)
    more = [*rows, *(row(n, group=f"g{n % 40}") for n in range(400, 480)), *(row(n) for n in range(480, 600))]
    later = assigned(more, stored_of(rows, made), seed=99)
    where = homes(more, later)
    assert {key: where[key] for key in homes(rows, made)} == homes(rows, made)
    assert all(where[f"r{n}"] == where[f"r{n % 40}"] for n in range(400, 480))
    assert sizes(later)["test"] == 60


def test_a_new_row_that_bridges_two_splits_is_dropped():
    rows = [row(n, group=f"g{n % 40}") for n in range(400)]
    made = assigned(rows)
    stored, where = stored_of(rows, made), homes(rows, made)
    trained = next(r for r in rows if where[r.row_id] == "train")
    tested = next(r for r in rows if where[r.row_id] == "test")
    more = [
        *rows,
        row(900, text=tested.input, group=trained.group),
        row(901, text=trained.input, group=tested.group),
        row(902, text=tested.input, group="new"),
    ]
    later = assigned(more, stored)
    assert gone(more, later, stored) == {"r900": ("bridge", "exact"), "r901": ("bridge", "exact")}
    assert homes(more, later)["r902"] == "test"


def test_a_new_near_duplicate_joins_and_one_of_two_splits_is_dropped():
    rows = [row(n) for n in range(100)]
    made = assigned(rows)
    stored, where = stored_of(rows, made), homes(rows, made)
    trained = next(n for n in range(100) if where[f"r{n}"] == "train")
    tested = next(n for n in range(100) if where[f"r{n}"] == "test")
    more = [*rows, row(100), row(101)]
    pairs = np.array([(trained, 100), (trained, 101), (tested, 101)])
    later = assigned(more, stored, pairs)
    assert homes(more, later)["r100"] == "train"
    assert gone(more, later, stored, pairs) == {"r101": ("bridge", "near")}


def test_an_input_that_was_tested_never_teaches_even_when_its_row_is_gone():
    rows = [row(n, group=f"g{n % 40}") for n in range(400)]
    made = assigned(rows)
    stored, where = stored_of(rows, made), homes(rows, made)
    tested = next(r for r in rows if where[r.row_id] == "test")
    trained = next(r for r in rows if where[r.row_id] == "train")
    left = [*(r for r in rows if r is not tested), row(900, text=tested.input, group=trained.group)]
    assert gone(left, assigned(left, stored), stored) == {"r900": ("bridge", "stored")}


def test_a_plan_that_is_not_the_stored_one_is_refused():
    stored = Stored(grouping=Grouping("input", "random", "row by row"))
    for plan in ({"group_by": "template"}, {"order": "time"}):
        with pytest.raises(UserError) as error:
            assigned([row(n, time="2024") for n in range(9)], stored, **plan)
        assert error.value.code == "splits-stored-otherwise"


def test_a_leak_is_dropped_on_the_side_that_learns():
    rows = [row(1, "Same  text", "train"), row(2, "same text", "test"), row(3, "SAME TEXT", "validation")]
    made = assigned(rows)
    assert gone(rows, made) == {"r1": ("leak", "exact"), "r3": ("leak", "exact")}
    removal = removals(read_keys(rows), made, Stored(), NO_LINKS)[0]
    assert removal.dropped(rows[0], "r2").detail == "the train input is also that of 'r2' in test"


def test_a_row_whose_input_was_given_for_a_split_that_judges_is_not_carved():
    rows = [row(n) for n in range(20)] + [
        row(n, text=f"input {n - 20}", split="validation") for n in range(20, 30)
    ]
    made = assigned(rows)
    assert gone(rows, made) == {f"r{n}": ("leak", "exact") for n in range(10)}


def test_duplicates_within_a_split_keep_their_rows():
    rows = [row(1, "a", "train"), row(2, "a", "train")]
    assert gone(rows, assigned(rows)) == {}


def test_labels_are_spread_evenly():
    rows = [row(n, output="rare" if n % 20 == 0 else f"c{n % 3}") for n in range(2000)]
    made = assigned(rows, labels=True)
    rare = np.array([r.output == "rare" for r in rows])
    counts = np.bincount(made.split[rare], minlength=4)
    assert counts.sum() == 100
    assert (abs(counts[1:] - 10) <= 1).all()


def times(rows, made, split):
    return [r.time for r, place in zip(rows, made.split.tolist(), strict=True) if SPLITS[place] == split]


def test_the_newest_block_is_test_then_calibration_then_validation():
    rows = [row(n, time=f"2024-01-01T{n // 60:02}:{n % 60:02}:00Z") for n in range(200)]
    made = assigned(rows[::-1], order="time")
    ordered = [times(rows[::-1], made, split) for split in ("train", "validation", "calibration", "test")]
    assert [len(block) for block in ordered] == [140, 20, 20, 20]
    assert all(max(older) < min(newer) for older, newer in pairwise(ordered))
    assert made.notes == ()
    assert "row by row, the newest first" in made.reason


def test_by_time_whole_groups_go_by_their_newest_row():
    rows = [row(n, group=f"g{n % 50}", time=str(1_700_000_000 + n)) for n in range(200)]
    made = assigned(rows, order="time", group_by="group")
    newest = {}
    for r, place in zip(rows, made.split.tolist(), strict=True):
        newest.setdefault(place, {}).setdefault(r.group, []).append(float(r.time))
    last = {place: [max(t) for t in groups.values()] for place, groups in newest.items()}
    assert max(last[0]) < min(last[1]) <= max(last[1]) < min(last[2]) <= max(last[2]) < min(last[3])


def test_missing_times_and_ties_are_said():
    rows = [row(n, time=None if n < 10 else "2024-01-02" if n < 60 else "2024-01-03") for n in range(100)]
    made = assigned(rows, order="time")
    assert made.notes == (
        "10 rows have no time that can be read and count as the oldest.",
        "10 training units are as new as the oldest that judges; a draw decided.",
    )
    assert {homes(rows, made)[f"r{n}"] for n in range(10)} == {"train"}


def test_an_order_in_time_without_any_time_is_an_error():
    with pytest.raises(DataError) as error:
        assigned([row(n, time="yesterday") for n in range(10)], order="time")
    assert error.value.code == "no-times"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2024-01-02T03:04:05Z", 1704164645),
        ("2024-01-02T04:04:05+01:00", 1704164645),
        ("2024-01-02 03:04:05", 1704164645),
        ("1704164645", 1704164645),
        ("1704164645000", 1704164645),
        ("yesterday", None),
        ("nan", None),
        ("1e300", None),
        (None, None),
    ],
)
def test_times(text, seconds):
    assert moment_of(text) == (None if seconds is None else seconds * 1_000_000)


def synthetic(number, *parents, **more):
    return row(number, provenance={"synthetic": "paraphrase", "parents": parents}, **more)


def test_synthetic_rows_only_teach_and_never_what_judges():
    rows = [row(n, group=f"g{n}") for n in range(100)]
    where = homes(rows, assigned(rows, group_by="group"))
    trained = [r for r in rows if where[r.row_id] == "train"]
    tested = [r for r in rows if where[r.row_id] == "test"]
    more = [
        *rows,
        synthetic(200, trained[0].row_id),
        synthetic(201, tested[0].row_id),
        synthetic(202, trained[0].row_id, tested[0].row_id),
        synthetic(203, "r201"),
        synthetic(204, trained[0].row_id, text=tested[1].input),
        synthetic(205, trained[0].row_id, group=tested[1].group),
        synthetic(206, trained[0].row_id, split="test"),
        synthetic(207, "not there"),
        synthetic(208, "r200", split="train"),
        synthetic(209),
    ]
    made = assigned(more, group_by="group")
    assert {key: homes(more, made)[key] for key in where} == where
    expected = {f"r{n}": ("synthetic-of-held-out", "synthetic") for n in range(201, 208)}
    assert gone(more, made) == expected
    pairs = np.array([(int(tested[2].row_id[1:]), 100)])
    assert "r200" in gone(more, made, pairs=pairs)


def test_normalised_folds_form_case_and_space():
    assert normalised(" Ｆｉｌｅ\t 1\n") == "file 1"
