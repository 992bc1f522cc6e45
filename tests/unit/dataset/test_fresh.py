"""Rows that live traffic gave: each document once, a person before the cloud, never a local answer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.retraining import answered

from insource.config.dataset import CallsSection
from insource.dataset.fresh import (
    FreshRows,
    fresh_rows,
    input_key,
    placed,
    read_fresh,
    without_calls,
    write_fresh,
)
from insource.foundation.errors import DataError
from insource.logs.query import Log
from insource.logs.recorder import Recorder


@pytest.fixture
def workspace(tmp_path):
    return tmp_path / "workspace"


def fresh(workspace, *, known=(), before=(), corrections=()):
    with Log(workspace) as log:
        log.drain()
        for call, answer in corrections:
            log.correct(call, answer)
        return fresh_rows(log, "tickets", CallsSection(), known=set(known), before=before)


def labels(found):
    return {row.input: (row.output, row.provenance.label) for row in found.rows}


def test_the_cloud_is_the_teacher_a_person_comes_first_and_a_local_answer_is_none(workspace):
    cloud = answered(workspace, [("one", "billing"), ("two", "billing")])
    local = answered(workspace, [("three", "billing"), ("four", "billing")], to="local", model="small")
    found = fresh(workspace, corrections=[(cloud[1], "shipping"), (local[1], "technical")])
    assert labels(found) == {
        "one": ("billing", "teacher"),
        "two": ("shipping", "checked"),
        "four": ("technical", "checked"),
    }
    assert found.left_out == {"answered-here": 1}
    assert found.corrected == 2
    clouds = {row.input: row.cloud_outputs for row in found.rows}
    assert clouds == {"one": {"big": "billing"}, "two": {"big": "billing"}, "four": {}}


def test_an_answer_that_is_the_clouds_in_part_is_none_until_a_person_corrects_it(workspace):
    calls = answered(workspace, [("one", "billing"), ("two", "billing")], fields=("team",))
    found = fresh(workspace, corrections=[(calls[1], "shipping")])
    assert labels(found) == {"two": ("shipping", "checked")}
    assert found.left_out == {"answered-here": 1}
    assert found.rows[0].cloud_outputs == {}


@pytest.mark.parametrize("corrected", [0, 1])
def test_of_one_document_the_correction_counts_and_else_the_latest(workspace, corrected):
    calls = answered(workspace, [("one", "billing"), ("one", "technical")])
    found = fresh(workspace, corrections=[(calls[corrected], "shipping")])
    assert labels(found) == {"one": ("shipping", "checked")}
    assert fresh(workspace).left_out == {"same-document": 1}


def test_without_a_correction_the_latest_answer_counts(workspace):
    answered(workspace, [("one", "billing"), ("one", "technical")])
    assert labels(fresh(workspace)) == {"one": ("technical", "teacher")}


def test_a_document_of_another_source_gives_no_row(workspace):
    answered(workspace, [("one", "billing"), ("two", "billing")])
    found = fresh(workspace, known={input_key("one")})
    assert labels(found) == {"two": ("billing", "teacher")}
    assert found.left_out == {"already-known": 1}


def test_what_was_asked_for_a_dataset_or_an_evaluation_is_no_traffic(workspace):
    with Recorder.open(workspace) as recorder:
        for fields in ({"tags": {"row_id": "r1"}}, {"source": "arm"}):
            request = {"messages": [{"role": "user", "content": "asked by us"}]}
            recorder.begin(request, model_asked="big", task="tickets", **fields).end(response_text="billing")
    assert fresh(workspace).rows == ()


def test_rows_stay_though_the_log_has_forgotten_their_calls(workspace, tmp_path):
    answered(workspace, [("one", "billing")])
    path = tmp_path / "fresh.jsonl"
    write_fresh(path, fresh(workspace).rows)
    kept = read_fresh(path)
    with Log(workspace) as log:
        log.purge(reason="test")
    answered(workspace, [("two", "billing")])
    found = fresh(workspace, before=kept)
    assert set(labels(found)) == {"one", "two"}


def test_a_row_is_read_as_it_was_written(workspace, tmp_path):
    answered(workspace, [('one\nwith "lines"', "billing")])
    rows = fresh(workspace).rows
    path = tmp_path / "fresh.jsonl"
    write_fresh(path, rows)
    (again,) = read_fresh(path)
    changed = {name for name in type(again).model_fields if getattr(again, name) != getattr(rows[0], name)}
    assert changed == set()


def test_a_purge_of_an_earlier_call_leaves_nothing_of_it_in_the_row_of_a_later_one(workspace, tmp_path):
    old = answered(workspace, [("one", "shipping")], model="old", answers={"one": "PURGED"})
    answered(workspace, [("one", "billing")])
    path = tmp_path / "fresh.jsonl"
    write_fresh(path, fresh(workspace).rows)
    without_calls(path, set(old))
    assert "PURGED" not in path.read_text()


def test_purged_calls_are_removed_from_the_file(workspace, tmp_path):
    calls = answered(workspace, [("one", "billing"), ("two", "billing")])
    path = tmp_path / "fresh.jsonl"
    write_fresh(path, fresh(workspace).rows)
    assert without_calls(path, {calls[0]}) == 1
    assert [row.input for row in read_fresh(path)] == ["two"]
    assert without_calls(path, {calls[0]}) == 0
    assert without_calls(tmp_path / "none.jsonl", {calls[0]}) == 0


def test_a_torn_file_is_refused_or_read_row_by_row(tmp_path):
    path = tmp_path / "fresh.jsonl"
    path.write_text('{"id": "a", "input": "one", "output": "x"}\n{"id": "b", "inp')
    items = list(FreshRows(path))
    assert [type(item).__name__ for item in items] == ["Row", "Dropped"]
    with pytest.raises(DataError) as caught:
        list(FreshRows(tmp_path / "gone.jsonl"))
    assert caught.value.code == "rows-unreadable"


@settings(max_examples=20)
@given(
    st.lists(
        st.tuples(st.sampled_from("abcde"), st.sampled_from(["cloud", "local"]), st.booleans()), max_size=12
    )
)
def test_every_document_gives_at_most_one_row_and_every_call_is_counted(tmp_path_factory, calls):
    workspace = tmp_path_factory.mktemp("log")
    made = [(text, answered(workspace, [(text, "billing")], to=to)[0], to, by) for text, to, by in calls]
    if not made:
        return
    found = fresh(workspace, corrections=[(call, "shipping") for _, call, _, by in made if by])
    inputs = [row.input for row in found.rows]
    assert len(inputs) == len(set(inputs))
    assert set(inputs) == {text for text, _, to, by in made if to == "cloud" or by}
    assert len(inputs) + sum(found.left_out.values()) == len(made)
    corrected = {text for text, _, _, by in made if by}
    assert {row.input for row in found.rows if row.provenance.label == "checked"} == corrected


SHARES = {"train": 0.5, "validation": 0.1, "calibration": 0.1, "test": 0.3}


def rows(workspace, count, groups=None):
    answered(workspace, [(f"text {n}", "billing") for n in range(count)])
    found = fresh(workspace).rows
    return [
        row.model_copy(update={"group": groups[n % len(groups)] if groups else None})
        for n, row in enumerate(found)
    ]


def test_where_a_file_gives_its_splits_new_documents_fill_each_by_its_share(workspace):
    found = placed(rows(workspace, 400), {"train", "validation", "calibration", "test"}, SHARES, 0)
    counts = {split: sum(row.split == split for row in found) for split in (None, *SHARES)}
    assert counts["train"] == 0, "what is left is the pool, which is trained on"
    for split in ("validation", "calibration", "test"):
        assert abs(counts[split] - 400 * SHARES[split]) < 40
    assert placed(found, {"train", "validation", "calibration", "test"}, SHARES, 0) == found


def test_what_no_source_gives_a_build_draws_and_a_group_stays_whole(workspace):
    made = rows(workspace, 60, groups=[f"g{n}" for n in range(12)])
    assert {row.split for row in placed(made, {None}, SHARES, 0)} == {None}
    assert {row.split for row in placed(made, {None, "test"}, SHARES, 0)} == {None, "test"}
    splits = {}
    for row in placed(made, {"validation", "calibration", "test"}, SHARES, 0):
        splits.setdefault(row.group, set()).add(row.split)
    assert {len(found) for found in splits.values()} == {1}
