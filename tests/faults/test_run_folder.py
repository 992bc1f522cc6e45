"""A stage that is killed: nothing half-written is taken for whole, and the next call goes on."""

import os
import signal
import subprocess
import sys

import pytest

from insource.foundation.errors import PrerequisiteError
from insource.runs.folders import MANIFEST, RunStore, StageSpec

SPEC = StageSpec(stage="train", version=1, inputs={}, config={}, seed=0)
CHILD = """
import sys, time
from pathlib import Path
import insource.runs.folders as runs

spec = runs.StageSpec(stage="train", version=1, inputs={}, config={}, seed=0)

def stop():
    print("here", flush=True)
    time.sleep(600)

def work(folder):
    (folder / "first.txt").write_text("first")
    if sys.argv[2] == "work":
        stop()
    return {}

if sys.argv[2] == "rename":
    write = runs.write_json
    def write_and_stop(path, value):
        write(path, value)
        stop()
    runs.write_json = write_and_stop

if sys.argv[2] == "manifest":
    def half(path, value):
        path.write_text('{"key": "')
        stop()
    runs.write_json = half

runs.RunStore(Path(sys.argv[1])).run(spec, work)
"""


@pytest.fixture
def begun(tmp_path):
    """Starts the stage in a child that stops at the given point, and gives the child."""
    children = []

    def start(point):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path), point], stdout=subprocess.PIPE, text=True
        )
        children.append(child)
        assert child.stdout.readline() == "here\n"
        return child

    yield start
    for child in children:
        child.kill()
        child.wait()
        child.stdout.close()


@pytest.mark.parametrize("point", ["work", "manifest", "rename"])
def test_a_killed_stage_is_no_run_and_is_done_again_from_what_it_left(begun, tmp_path, point):
    child = begun(point)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    store = RunStore(tmp_path)
    assert list(store.complete()) == []
    assert store.find(SPEC) is None
    assert store.interrupted() == ["train"]

    def work(folder):
        assert (folder / "first.txt").read_text() == "first"
        return {"answer": 42}

    run = store.run(SPEC, work)
    assert not run.skipped
    assert store.interrupted() == []
    assert [output["name"] for output in run.manifest["outputs"]] == ["first.txt"]
    assert (run.path / MANIFEST).is_file()
    assert store.run(SPEC, work).skipped


def test_two_processes_on_one_run_and_the_second_is_told_so(begun, tmp_path):
    child = begun("work")
    store = RunStore(tmp_path)
    with pytest.raises(PrerequisiteError) as caught:
        store.run(SPEC, lambda folder: {})
    assert caught.value.code == "run-in-progress"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert not store.run(SPEC, lambda folder: {}).skipped  # the lock died with its owner
