"""A build that is killed or raced: assignments and dataset are both there, or neither is."""

import json
import os
import signal
import subprocess
import sys

import pytest

from insource.dataset.build import build_folder
from insource.dataset.saved.folder import load
from insource.dataset.settings import BuildSettings
from insource.dataset.splits.stored import ledger
from insource.foundation.errors import IntegrityError

CHILD = """
import sys, time
from pathlib import Path
import insource.dataset.splits.stored as assignments
import insource.dataset.saved.folder as folder
from insource.dataset.build import build_folder
from insource.dataset.settings import BuildSettings

def stop():
    print("here", flush=True)
    time.sleep(600)

if sys.argv[2] == "prepared":
    prepare = assignments.Ledger.prepare
    def prepare_and_stop(self, *arguments):
        prepare(self, *arguments)
        stop()
    assignments.Ledger.prepare = prepare_and_stop
if sys.argv[2] == "torn":
    def half(path, content):
        path.write_bytes(content[: len(content) // 2])
        stop()
    assignments.write_synced = half
if sys.argv[2] == "named":
    assignments.Ledger.confirm = lambda self: stop()
root = Path(sys.argv[1])
about = BuildSettings(name="t")
made = build_folder(root / "rows.jsonl", root / "datasets", about, assignments=root / "splits")
print(made.name, flush=True)
"""


def rows(root, count, start=0):
    records = [{"id": f"r{n}", "input": f"input {n}", "output": "x"} for n in range(start, start + count)]
    (root / "rows.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


def build(root, *, keep_assignments=True, **settings):
    return build_folder(
        root / "rows.jsonl",
        root / "datasets",
        BuildSettings(name="t", **settings),
        assignments=root / "splits",
        keep_assignments=keep_assignments,
    )


def where(path):
    return {e.row_id: split for split, examples in load(path).splits.items() for e in examples}


def child(root, point):
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(root), point], stdout=subprocess.PIPE, text=True
    )


@pytest.fixture
def killed(tmp_path):
    """Starts a build of the rows in a child, and kills it at the given point."""

    def kill(point):
        with child(tmp_path, point) as process:
            assert process.stdout.readline() == "here\n"
            os.kill(process.pid, signal.SIGKILL)

    return kill


@pytest.mark.parametrize("point", ["prepared", "torn"])
def test_killed_before_the_dataset_has_its_name_neither_counts(tmp_path, killed, point):
    rows(tmp_path, 60)
    killed(point)
    assert [path.name for path in (tmp_path / "datasets").glob("t@*")] == []
    with ledger(tmp_path / "splits", tmp_path / "datasets") as kept:
        assert len(kept.stored.keys) == 0
    assert list((tmp_path / "splits").glob("*.pending")) == []


def test_killed_once_the_dataset_has_its_name_both_count(tmp_path, killed):
    rows(tmp_path, 60)
    killed("named")
    (path,) = (tmp_path / "datasets").glob("t@*")
    before = where(path)
    rows(tmp_path, 120)
    after = where(build(tmp_path, seed=5))
    assert {key: after[key] for key in before} == before


def test_builds_at_the_same_time_agree(tmp_path):
    rows(tmp_path, 400)
    children = [child(tmp_path, "run") for _ in range(3)]
    names = {process.communicate(timeout=120)[0].strip() for process in children}
    assert len(names) == 1
    assert len(list((tmp_path / "splits").glob("*.assignments"))) == 1
    assert build(tmp_path).name in names


def test_deleting_the_stored_splits_is_the_way_to_draw_anew(tmp_path):
    rows(tmp_path, 60)
    first = where(build(tmp_path))
    assert where(build(tmp_path, seed=7)) == first
    for path in (tmp_path / "splits").iterdir():
        path.unlink()
    assert where(build(tmp_path, seed=7)) != first


def test_reading_only_keeps_nothing(tmp_path):
    rows(tmp_path, 60)
    build(tmp_path, keep_assignments=False)
    assert not (tmp_path / "splits").exists()
    first = where(build(tmp_path))
    rows(tmp_path, 90)
    assert {
        key: split for key, split in where(build(tmp_path, keep_assignments=False)).items() if key in first
    } == first
    assert len(list((tmp_path / "splits").glob("*.assignments"))) == 1


@pytest.mark.parametrize(
    "change", [lambda b: b[:-9], lambda b: b[:-1] + bytes([b[-1] ^ 1]), lambda b: b"{}\n"]
)
def test_damaged_assignments_are_an_error_and_never_a_new_draw(tmp_path, change):
    rows(tmp_path, 60)
    build(tmp_path)
    (path,) = (tmp_path / "splits").glob("*.assignments")
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(IntegrityError) as error:
        build(tmp_path)
    assert error.value.code == "assignments-damaged"
