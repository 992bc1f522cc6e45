"""What a build remembers for the next one: given splits that judge, groups that came later."""

import json

import numpy as np
import pytest
from support.near_copies import documents

from insource.dataset.build import build, build_folder
from insource.dataset.saved.folder import load
from insource.dataset.settings import BuildSettings
from insource.foundation.errors import DataError
from insource.types import SPLITS


def built(folder, records, **settings):
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    about = BuildSettings(name="t", **settings)
    made = build_folder(path, folder / "datasets", about, assignments=folder / "splits")
    return load(made)


def where(dataset):
    return {example.row_id: split for split, examples in dataset.splits.items() for example in examples}


def rows(count, start=0, **more):
    return [
        {"id": f"r{n}", "input": f"input {n}", "output": "x", **more} for n in range(start, start + count)
    ]


def without_split(records):
    return [{key: value for key, value in record.items() if key != "split"} for record in records]


def test_what_was_given_to_judge_stays_there_when_it_comes_without_its_split(tmp_path):
    records = [*rows(12, split="test"), *rows(48, 12)]
    first = built(tmp_path, records)
    again = built(tmp_path, without_split(records))
    assert where(again) == where(first)
    assert again.manifest.counts["test"] == 12


def test_it_stays_there_when_nothing_was_drawn(tmp_path):
    records = [record for n, split in enumerate(SPLITS) for record in rows(10, 10 * n, split=split)]
    first = where(built(tmp_path, records))
    again = where(built(tmp_path, without_split(records) + rows(60, 100)))
    judging = {key: split for key, split in first.items() if split != "train"}
    assert len(judging) == 30
    assert {key: again[key] for key in judging} == judging


def test_what_was_given_to_judge_never_teaches_when_given_for_train(tmp_path):
    records = [record for n, split in enumerate(SPLITS) for record in rows(10, 10 * n, split=split)]
    built(tmp_path, records)
    tested = records[-1]["id"]
    moved = [record | {"split": "train"} if record["id"] == tested else record for record in records]
    later = built(tmp_path, moved)
    assert [(drop.row_id, drop.reason) for drop in later.dropped] == [(tested, "bridge")]
    assert later.dropped[0].detail == "its unit is in train, its input was stored in test"


def homes_of_groups(dataset):
    found = {}
    for split, examples in dataset.splits.items():
        for example in examples:
            found.setdefault(example.group, set()).add(split)
    found.pop(None, None)
    return found


def grouped(count, start, groups):
    return [record | {"group": f"g{n % groups}"} for n, record in enumerate(rows(count, start))]


@pytest.mark.parametrize("group_by", ["auto", "group"])
def test_groups_that_come_after_a_build_without_groups_are_whole(tmp_path, group_by):
    first, batch, more = rows(20), grouped(200, 20, 40), grouped(60, 220, 50)
    before = where(built(tmp_path, first))
    later = built(tmp_path, [*first, *batch], group_by=group_by)
    assert {len(home) for home in homes_of_groups(later).values()} == {1}
    assert later.manifest.counts["test"] == 22
    assert not any("groups stand in several" in note for note in later.manifest.notes)
    last = built(tmp_path, [*first, *batch, *more], group_by=group_by)
    assert {len(home) for home in homes_of_groups(last).values()} == {1}
    moved = {key for key, split in {**where(later), **before}.items() if where(last)[key] != split}
    assert moved == set()
    assert built(tmp_path, [*first, *batch, *more], group_by=group_by) == last


def test_a_group_joins_its_rows_that_were_stored_without_it(tmp_path):
    first = rows(40)
    before = where(built(tmp_path, first))
    owner = {key: f"only {split}" for key, split in before.items()} | {"r0": "parted"}
    other = next(key for key, split in before.items() if split != before["r0"])
    named = [record | {"group": (owner | {other: "parted"})[record["id"]]} for record in first]
    added = [record | {"group": f"only {split}"}
             for n, split in enumerate(SPLITS) for record in rows(3, 100 + 3 * n)]  # fmt: skip
    later = built(tmp_path, [*named, *added], group_by="group")
    assert {key: where(later)[key] for key in before} == before
    homes = homes_of_groups(later)
    assert homes.pop("parted") == {before["r0"], before[other]}
    assert homes == {f"only {split}": {split} for split in SPLITS}
    assert "1 groups stand in several splits, as their rows were split row by row." in later.manifest.notes


def test_groups_too_uneven_to_stay_whole_are_counted(tmp_path):
    records = grouped(100, 0, 2)
    found = built(tmp_path, records)
    assert "2 groups stand in several splits, as their rows were split row by row." in found.manifest.notes
    asked = built(tmp_path, records, group_by="input")
    assert not any("groups stand in several" in note for note in asked.manifest.notes)


def test_a_row_given_to_judge_that_is_dropped_itself_does_not_part_a_group(tmp_path):
    (tested,) = documents(1, np.random.default_rng(5), words=100)
    judged, grouped = tested.split(), tested.split()
    judged[:8] = grouped[:8] = [f"zz{letter}" for letter in "abcdefgh"]
    grouped[50:58] = [f"yy{letter}" for letter in "abcdefgh"]
    records = [
        *rows(40),
        {"id": "T", "input": tested, "output": "x", "split": "test"},
        {"id": "V", "input": " ".join(judged), "output": "x", "split": "validation"},
        {"id": "G", "input": " ".join(grouped), "output": "x", "group": "0"},
        *rows(4, 40, split="validation"),
    ]
    records = [record | ({"group": str(n // 4)} if n < 40 else {}) for n, record in enumerate(records)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    fractions = {"train": 0.5, "calibration": 0.5}
    homes = set()
    for seed in range(12):
        dataset = build(tmp_path / "rows.jsonl", name="t", group_by="group", seed=seed, fractions=fractions)
        assert {drop.row_id for drop in dataset.dropped} == {"V"}
        home = {where(dataset)[row_id] for row_id in ("G", "r0", "r1", "r2", "r3")}
        assert len(home) == 1
        homes |= home
    assert homes == {"train", "calibration"}


@pytest.mark.parametrize(("alone", "grouped"), [(1, 1), (2, 3), (4, 1), (6, 2)])
def test_a_group_that_came_later_beside_equal_inputs_is_the_same_again(tmp_path, alone, grouped):
    first = rows(10)
    built(tmp_path, first)
    shared = [{"id": f"alone{n}", "input": "later 0", "output": "x"} for n in range(alone)]
    group = [{"id": f"g{n}", "input": f"later {n}", "output": "x", "group": "late"} for n in range(grouped)]
    once = built(tmp_path, [*first, *shared, *group])
    again = built(tmp_path, [*first, *shared, *group])
    assert again.manifest.digest == once.manifest.digest
    assert once.manifest.dropped == {}
    assert len({split for key, split in where(once).items() if key[0] in "ag"}) == 1


def test_a_part_that_leaves_a_split_empty_is_told_why(tmp_path):
    first = rows(40)
    home = where(built(tmp_path, first))
    with pytest.raises(DataError) as caught:
        built(tmp_path, [record for record in first if home[record["id"]] != "validation"])
    assert caught.value.code == "empty-split"
    assert "stay in the splits where earlier builds put them" in caught.value.hint
