"""For any rows, and any rows added to them: whole groups, nothing lost, nothing moved, the same again."""

import json
import tempfile
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insource.dataset.build import build_folder
from insource.dataset.saved.folder import load
from insource.dataset.settings import BuildSettings
from insource.dataset.splits.assign import Plan, assign_splits
from insource.dataset.splits.keys import read_keys
from insource.foundation.errors import DataError
from insource.similarity.normal_text import numbers_of, undated
from insource.similarity.shingles import distinct, jaccard, prepared, shingles
from insource.types import SPLITS, Provenance, Row

QUICK = settings(max_examples=40, deadline=None)
LONG = "the customer wrote that the parcel has not arrived and asks where it is now, thanks"
row = st.fixed_dictionaries(
    {
        "input": st.one_of(
            st.integers(0, 40).map(lambda n: f"input {n}"),
            st.sampled_from([LONG, LONG + ".", LONG.upper(), LONG + " a lot"]),
        ),
        "output": st.sampled_from(["yes", "no"]),
    },
    optional={"group": st.integers(0, 25), "time": st.integers(0, 50)},
)
rows = st.lists(row, min_size=0, max_size=25)
plan = st.fixed_dictionaries(
    {
        "group_by": st.sampled_from(["auto", "group", "input"]),
        "order": st.sampled_from(["random", "time"]),
        "seed": st.integers(0, 3),
    }
)
# Each near the next one in a chain, the ends of which are not near each other; and two sent at some time.
LINKED = [
    f"{before}{LONG} and wants to be called about order 71{after}, sent {hour}:30"
    for before, after, hour in [
        ("", "", 9), ("good morning to you, ", "", 9), ("good morning to you, ", ", with kind regards", 9),
        ("", "4", 9), ("", "", 10), ("good morning to you, ", ", with kind regards", 10),
    ]
]  # fmt: skip
mixed = st.fixed_dictionaries(
    {
        "input": st.one_of(st.integers(0, 60).map(lambda n: f"input {n}"), st.sampled_from(LINKED)),
        "output": st.sampled_from(["yes", "no"]),
    },
    optional={"group": st.integers(0, 12), "split": st.sampled_from(SPLITS)},
)
BASE = [{"input": f"base {'abcdefghij'[n]} {n}", "output": "yes", "time": n} for n in range(10)]


def named(records, start=0):
    return [
        {"id": f"r{n}", **record}
        for n, record in enumerate([*BASE, *records] if not start else records, start)
    ]


def built(folder, records, plan):
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    settings = BuildSettings(name="p", **plan)
    return build_folder(path, folder / "datasets", settings, assignments=folder / "splits")


def where(dataset):
    return {example.row_id: split for split, examples in dataset.splits.items() for example in examples}


@QUICK
@given(rows, rows, plan, st.randoms(use_true_random=False))
def test_splits_are_whole_stable_and_the_same_again(records, added, plan, random):
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        first = named(records)
        try:
            path = built(folder, first, plan)
        except DataError as error:
            if error.code != "empty-split":
                raise
            return
        dataset = load(path)
        check(dataset, first, plan)
        assert built(folder, first, plan) == path  # with what is stored, the very same bytes

        shuffled = list(first)
        random.shuffle(shuffled)
        fresh = folder / "fresh"
        fresh.mkdir()
        other = load(built(fresh, shuffled, plan))
        assert other.manifest.counts == dataset.manifest.counts
        assert where(other).keys() ^ where(dataset).keys() <= twins(first)
        assert other.manifest.test_digest == dataset.manifest.test_digest

        more = [*first, *named(added, 100)]
        random.shuffle(more)
        later = load(built(folder, more, plan))
        check(later, more, plan)
        old, now = where(dataset), where(later)
        assert {key: now[key] for key in old} == old
        gone = {drop.row_id: drop.reason for drop in later.dropped}
        assert set(gone.values()) <= {"bridge"}
        assert built(folder, more, plan).name == f"p@{later.manifest.digest[:12]}"


@QUICK
@given(
    st.lists(mixed, min_size=5, max_size=25),
    st.lists(mixed, max_size=15),
    st.sampled_from(["auto", "group"]),
    st.integers(0, 3),
    st.booleans(),
)
def test_with_given_splits_nothing_near_is_on_two_sides_and_nothing_moves(
    records, added, group_by, seed, forget
):
    with tempfile.TemporaryDirectory() as scratch:
        folder, plan = Path(scratch), {"group_by": group_by, "seed": seed}
        placed, everything = {}, []
        for batch in (named(records), named(added, 100)):
            everything += batch
            if forget and placed:  # all come again without their splits: what judged is known all the same
                placed = {key: split for key, split in placed.items() if split != "train"}
                everything = [{key: r[key] for key in r if key != "split"} for r in everything]
            try:
                dataset = load(built(folder, everything, plan))
            except DataError as error:
                if error.code != "empty-split":
                    raise
                return
            now = where(dataset)
            gone = {drop.row_id: drop.reason for drop in dataset.dropped}
            assert Counter([*now, *gone]) == Counter(record["id"] for record in everything)
            assert set(gone.values()) <= {"leak", "bridge"}
            whole = group_by == "group" or "by whole groups" in dataset.manifest.split_reason
            check_groups(everything if whole else [], now)
            assert near_apart(everything, now) == []
            # What was there stays, unless a row that was given its split now stands against it.
            assert {key for key, split in placed.items() if now.get(key, split) != split} == set()
            assert {gone[key] for key in placed if key not in now} <= {"leak", "bridge"}
            if not forget and not any("split" in record for record in added):
                assert placed.keys() <= now.keys()
            placed = now


def check_groups(records, placed):
    """Rows without a split, or given for training, are drawn: their groups are whole."""
    homes = {}
    for record in records:
        if record["id"] in placed and record.get("split", "train") == "train" and "group" in record:
            assert homes.setdefault(record["group"], placed[record["id"]]) == placed[record["id"]]


def near_apart(records, placed):
    """The pairs in two splits that are one document: nearly equal, by the definition, with the same numbers
    or but for a time of day."""
    kept = [record for record in records if record["id"] in placed]
    pairs = [
        (one, other)
        for one, other in combinations(range(len(kept)), 2)
        if placed[kept[one]["id"]] != placed[kept[other]["id"]]
        and any(of(kept[one]["input"]) == of(kept[other]["input"]) for of in (numbers_of, undated))
    ]
    if not pairs:
        return []
    first, second = np.array(pairs).T
    found = jaccard(distinct(shingles([prepared(record["input"]) for record in kept])), first, second)
    return [(kept[a]["input"], kept[b]["input"]) for (a, b), s in zip(pairs, found, strict=True) if s >= 0.8]


def twins(records):
    """Rows with an equal input: which of them is named by a drop may depend on the order."""
    inputs = [record["input"].casefold() for record in records]
    return {record["id"] for record, text in zip(records, inputs, strict=True) if inputs.count(text) > 1}


def check(dataset, records, plan):
    placed, dropped = where(dataset), {drop.row_id for drop in dataset.dropped}
    assert placed.keys() | dropped == {record["id"] for record in records}
    assert not placed.keys() & dropped
    assert near_apart(records, placed) == []
    inputs, groups = {}, {}
    whole = "by whole groups" in dataset.manifest.split_reason
    for split, examples in dataset.splits.items():
        for example in examples:
            assert inputs.setdefault(example.input.casefold(), split) == split
            if whole and example.group is not None:
                assert groups.setdefault(example.group, split) == split
    if plan["group_by"] == "group":
        assert whole


@pytest.mark.parametrize("grouped", [False, True])
def test_fractions_hold_in_expectation(grouped):
    where = Provenance(source="s", line=1)
    made = [
        Row(
            line=1,
            row_id=f"r{n}",
            input=f"i{n}",
            output="x",
            group=f"g{n // 7}" if grouped else None,
            provenance=where,
        )
        for n in range(350)
    ]
    keys = read_keys(made)
    seeds = 200
    share = np.zeros((350, 4))
    for seed in range(seeds):
        split = assign_splits(keys, Plan(seed=seed)).split
        share[np.arange(350), split] += 1 / seeds
    assert share.sum(axis=0) / 350 == pytest.approx([0.7, 0.1, 0.1, 0.1], abs=0.01)
    # No row is favoured: each is in test in 10 % of the draws, within five standard errors.
    assert abs(share[:, SPLITS.index("test")] - 0.1).max() < 5 * np.sqrt(0.1 * 0.9 / seeds)
