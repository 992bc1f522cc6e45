"""Which documents are in which split: the peer's unseen layouts stay unseen, and sizes move no document."""

import json

import pytest
from support.invoice_wheel import LAYOUTS, documents, write_wheel

from insource.demo.invoices.recording import recorded
from insource.demo.invoices.rows import PerLayout, chosen, exchange, row
from insource.demo.invoices.run import FULL, QUICK
from insource.demo.invoices.wheel import generated

SMALL = PerLayout(train=2, validation=10, calibration=6, seen=3, unseen=10)


@pytest.fixture(scope="module")
def calls(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    path = folder / write_wheel(folder).file_name
    return recorded(path, generated(path))


def places(calls, sizes):
    return {call.document.id: split for split, call in chosen(calls, sizes)}


def layouts(calls, sizes, split):
    return {call.document.layout for found, call in chosen(calls, sizes) if found == split}


def test_the_peers_split_is_kept(calls):
    mine = {split: {one for one, theirs in LAYOUTS.items() if theirs == split} for split in LAYOUTS.values()}
    assert layouts(calls, SMALL, "train") == layouts(calls, SMALL, "calibration") == mine["train"]
    assert layouts(calls, SMALL, "validation") == mine["valid"]
    assert layouts(calls, SMALL, "test") == mine["train"] | mine["test"]


def test_each_document_is_in_one_split_and_the_counts_are_those_asked_for(calls):
    found = [(split, call.document.id) for split, call in chosen(calls, SMALL)]
    assert len({name for _, name in found}) == len(found)
    counts = {split: sum(one == split for one, _ in found) for split, _ in found}
    assert counts == {"train": 2 * 2, "calibration": 2 * 6, "validation": 10, "test": 2 * 3 + 2 * 10}


@pytest.mark.parametrize("sizes", [QUICK.scaled_to(20).layouts, QUICK.layouts, FULL.layouts])
def test_another_size_moves_no_document_to_another_split(calls, sizes):
    small, other = places(calls, SMALL), places(calls, sizes)
    both = small.keys() & other.keys()
    assert both
    assert {name: small[name] for name in both} == {name: other[name] for name in both}


@pytest.mark.parametrize("asked", [8, 20, 100, 320, 640, 5000])
def test_the_sizes_follow_the_training_documents_and_stay_within_the_wheel(asked):
    found = QUICK.scaled_to(asked).layouts
    assert found.train == min(60, max(1, round(asked / 20)))
    assert 40 + found.train <= 100
    assert 1 <= found.seen <= QUICK.layouts.seen
    assert 1 <= found.unseen <= QUICK.layouts.unseen
    assert 1 <= found.calibration <= QUICK.layouts.calibration


def test_the_full_size_takes_every_document_of_the_unseen_layouts_that_the_peer_tested():
    assert FULL.layouts.unseen == 100
    assert FULL.layouts.seen <= 20
    assert 20 + FULL.layouts.calibration <= 40


def test_a_row_holds_the_exact_label_and_the_answer_as_it_came(calls):
    for split, call in chosen(calls, SMALL):
        found = row(split, call)
        document = next(one for one in documents() if one["id"] == found["id"])
        assert found["output"] == document["gold"]
        assert found["input"] == document["text"]
        assert list(found["cloud_outputs"].values()) == [call.output]
        assert list(found["latency_s"].values()) == [pytest.approx(call.latency_ms / 1000, abs=1e-4)]
        assert found["group"] == document["template"]


def test_an_exchange_is_the_call_as_it_was_made(calls):
    found = exchange(calls[3])
    assert found["request"] == calls[3].request
    assert found["response"]["usage"] == calls[3].usage
    assert json.loads(json.dumps(found)) == found
