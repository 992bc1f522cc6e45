"""Run folders: complete or not there, found again by what they were made from."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from insource.foundation.errors import IntegrityError, PrerequisiteError
from insource.foundation.files import write_json
from insource.runs.folders import MANIFEST, RunStore, StageSpec, installed

SPEC = StageSpec(stage="train", version=1, inputs={"data": "abc"}, config={"epochs": 3}, seed=0)


class Steps:
    """A clock that goes on by one second a look."""

    def __init__(self):
        self.moment = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self):
        self.moment += timedelta(seconds=1)
        return self.moment

    def monotonic(self):
        return self.now().timestamp()


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path, Steps())


def work(folder):
    (folder / "out.txt").write_text("done")
    return {"answer": 42}


def never(folder):
    raise AssertionError("a complete run must not be done again")


def test_a_complete_run_is_read_back(store):
    first = store.run(SPEC, work)
    again = store.run(SPEC, never)
    assert (first.skipped, again.skipped) == (False, True)
    assert again.result == {"answer": 42}
    assert again.path == first.path
    assert (again.path / "out.txt").read_text() == "done"
    assert first.digest == SPEC.key()


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": {"data": "abd"}},
        {"config": {"epochs": 4}},
        {"seed": 1},
        {"version": 2},
        {"stage": "export"},
        {"libraries": ("numpy",)},
    ],
)
def test_anything_its_bytes_depend_on_makes_it_another_run(store, change):
    store.run(SPEC, work)
    assert not store.run(SPEC.model_copy(update=change), work).skipped


def test_the_library_s_version_is_part_of_the_key(monkeypatch):
    spec = SPEC.model_copy(update={"libraries": ("numpy",)})
    before = spec.key()
    monkeypatch.setattr("insource.runs.folders.installed", lambda name: "0.0")
    assert spec.key() != before


def test_work_that_fails_is_no_run_and_its_leavings_are_there_next_time(store):
    def half(folder):
        (folder / "half.txt").write_text("so far")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.run(SPEC, half)
    assert list(store.complete()) == []
    assert store.interrupted() == ["train"]

    def rest(folder):
        assert (folder / "half.txt").read_text() == "so far"
        return {}

    assert not store.run(SPEC, rest).skipped
    assert store.interrupted() == []


def test_two_at_once_on_the_same_run_is_refused(store):
    def inside(folder):
        with pytest.raises(PrerequisiteError) as caught:
            RunStore(store.folder.parent).run(SPEC, never)
        assert caught.value.code == "run-in-progress"
        return {}

    store.run(SPEC, inside)


def test_a_damaged_output_is_never_taken_for_whole(store):
    run = store.run(SPEC, work)
    (run.path / "out.txt").write_text("d0ne")  # same size
    with pytest.raises(IntegrityError) as caught:
        store.run(SPEC, never)
    assert caught.value.code == "run-damaged"
    assert "out.txt" in caught.value.message
    assert str(run.path) in caught.value.hint


def test_a_missing_output_is_damage_too(store):
    run = store.run(SPEC, work)
    (run.path / "out.txt").unlink()
    with pytest.raises(IntegrityError, match=r"out\.txt"):
        store.find(SPEC)


@pytest.mark.parametrize("content", ["", '{"key": "', "[]", "{}"])
def test_a_damaged_manifest_is_an_error_that_names_the_folder(store, content):
    run = store.run(SPEC, work)
    (run.path / MANIFEST).write_text(content)
    with pytest.raises(IntegrityError) as caught:
        list(store.complete())
    assert caught.value.code == "run-damaged"
    assert str(run.path) in caught.value.hint


def test_the_manifest_says_what_a_run_was_made_from(store):
    run = store.run(SPEC.model_copy(update={"libraries": ("numpy",)}), work)
    manifest = json.loads((run.path / MANIFEST).read_text())
    assert manifest["run_id"] == run.path.name == run.run_id
    assert manifest["spec"]["inputs"] == {"data": "abc"}
    assert manifest["environment"]["packages"] == {"numpy": installed("numpy")}
    (output,) = manifest["outputs"]
    assert (output["name"], output["bytes"]) == ("out.txt", 4)
    assert manifest["seconds"] > 0
    assert manifest["started_at"] < manifest["finished_at"]


def test_checkpoints_are_for_resuming_not_for_keeping(store):
    def with_checkpoints(folder):
        (folder / "checkpoints" / "checkpoint-1").mkdir(parents=True)
        (folder / "checkpoints" / "checkpoint-1" / "state").write_text("s")
        return work(folder)

    run = store.run(SPEC, with_checkpoints)
    assert not (run.path / "checkpoints").exists()
    assert [output["name"] for output in run.manifest["outputs"]] == ["out.txt"]


@pytest.mark.parametrize(("last", "again"), [("write_json", work), ("sync_folder", never)])
def test_a_process_killed_while_it_ends_a_run_loses_nothing(store, monkeypatch, last, again):
    """Before the manifest the checkpoints are still there; with it, the work is not done again."""

    def with_checkpoints(folder):
        (folder / "checkpoints").mkdir()
        return work(folder)

    def killed(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"insource.runs.folders.{last}", killed)
        patch.setattr(type(store.folder), "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            store.run(SPEC, with_checkpoints)
    (partial,) = store.folder.glob(".*.partial")
    assert (partial / "checkpoints").exists() == (last == "write_json")
    run = store.run(SPEC, again)
    assert (run.path / "out.txt").read_text() == "done"
    assert not (run.path / "checkpoints").exists()
    assert store.run(SPEC, never).skipped


def test_runs_come_newest_first_and_by_stage(store):
    for seed in range(3):
        store.run(SPEC.model_copy(update={"seed": seed}), work)
    store.run(SPEC.model_copy(update={"stage": "export"}), work)
    seeds = [run.manifest["spec"]["seed"] for run in store.complete("train")]
    assert seeds == [2, 1, 0]
    assert len(list(store.complete())) == 4


def test_a_workspace_without_runs_has_none(tmp_path):
    store = RunStore(tmp_path / "nothing")
    assert list(store.complete()) == []
    assert store.interrupted() == []
    assert store.find(SPEC) is None


def test_json_is_written_whole(tmp_path):
    write_json(tmp_path / "a.json", {"ü": [1]})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"ü": [1]}


def test_a_distribution_that_is_not_there_is_absent():
    assert installed("no-such-distribution-at-all") == "absent"
