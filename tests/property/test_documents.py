"""Properties of the document generator that hold for every seed."""

from __future__ import annotations

from itertools import islice

import jsonschema_rs
from hypothesis import given, settings
from hypothesis import strategies as st

from insource.demo.documents import generate
from insource.demo.layouts import HELD_OUT
from insource.demo.noise import scan
from insource.demo.schema import SCHEMA
from insource.foundation.rng import generator
from insource.types import SPLITS

VALIDATOR = jsonschema_rs.validator_for(SCHEMA)
SEEDS = st.integers(0, 2**31)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, split=st.sampled_from(SPLITS), fewer=st.integers(0, 8))
def test_a_shorter_run_is_a_prefix_of_a_longer_one(seed, split, fewer):
    longer = list(generate({"train": 1, split: 8}, seed))
    shorter = list(generate({split: fewer}, seed))
    assert [row for row in longer if row["split"] == split][:fewer] == shorter[:fewer] or split == "train"
    assert list(islice(generate({split: 8}, seed), fewer)) == shorter


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_every_row_is_valid_and_in_an_allowed_layout(seed):
    for row in generate(dict.fromkeys(SPLITS, 6), seed):
        VALIDATOR.validate(row["output"])
        assert row["split"] == "test" or row["group"] not in HELD_OUT
        assert row["input"] == row["input"].strip()


@given(
    seed=SEEDS, words=st.lists(st.from_regex(r"[A-Za-z0-9]{1,8}", fullmatch=True), min_size=1, max_size=40)
)
def test_noise_keeps_every_word_in_order(seed, words):
    noisy = scan(generator(seed, "noise"), " ".join(words)).split()
    assert noisy[: len(words)] == words
