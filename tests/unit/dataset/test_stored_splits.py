"""What a build remembers for the next one: given splits that judge, groups that came later."""

import json

import numpy as np
from near_copies import documents

from insource.dataset.build import build, build_folder
from insource.dataset.folder import load
from insource.types import SPLITS


def built(folder, records, **settings):
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    made = build_folder(path, folder / "datasets", name="t", assignments=folder / "splits", **settings)
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
