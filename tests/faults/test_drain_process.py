"""The gateway drains in another process: it dies, it fails, its parent dies; every call is kept once."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from insource.foundation.errors import InsourceError
from insource.logs.recorder import SPOOL_FOLDER, STORE_FILE, Recorder
from insource.store.calls.calls import find_calls
from insource.store.database import open_database
from insource.store.spool.drain_process import DrainProcess


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    with Recorder.open(tmp_path, drain_apart=True) as opened:
        yield opened


def record(recorder: Recorder) -> str:
    recording = recorder.begin({"n": 1}, model_asked="m")
    recording.end(response_text="an answer")
    return recording.call_id


def child_of(recorder: Recorder) -> int:
    drainer = recorder._drainer
    assert drainer is not None
    assert drainer._process is not None
    return drainer._process.pid


def stored(recorder: Recorder) -> list[str]:
    return [call.call_id for call in find_calls(recorder.database)]


def test_it_is_another_process_that_drains(recorder: Recorder) -> None:
    calls = [record(recorder) for _ in range(3)]
    assert recorder.flush().stored == 3
    assert stored(recorder) == calls
    assert child_of(recorder) != os.getpid()
    still_open = recorder.begin({"n": 1}, model_asked="m")
    assert recorder.flush().under_way == 1
    still_open.end()


def test_calls_of_a_killed_drain_are_stored_here_and_the_next_has_a_new_process(recorder: Recorder) -> None:
    first = record(recorder)
    recorder.flush()
    killed = child_of(recorder)
    os.kill(killed, signal.SIGKILL)
    second = record(recorder)
    assert recorder.flush().stored == 1
    third = record(recorder)
    assert recorder.flush().stored == 1
    assert child_of(recorder) != killed
    assert stored(recorder) == [first, second, third]


def test_a_failure_of_the_store_is_told_with_its_code(recorder: Recorder) -> None:
    record(recorder)
    with open_database(recorder.database.path) as other, other.write() as connection:
        drainer = DrainProcess(recorder.database, recorder._spool.directory)
        connection.exec_driver_sql("SELECT 1")
        recorder._spool.sync()
        with pytest.raises(InsourceError) as raised:
            drainer.drain()
    drainer.close()
    assert raised.value.code == "store-locked"
    assert recorder.flush().stored == 1


PARENT = """
import sys
from pathlib import Path
from insource.logs.recorder import Recorder
with Recorder.open(Path(sys.argv[1]), drain_apart=True) as recorder:
    recorder.begin({"n": 1}, model_asked="m").end(response_text="kept")
    recorder.begin({"n": 2}, model_asked="m")
    recorder.flush()
    print(recorder._drainer._process.pid, flush=True)
    sys.stdin.read()
"""


def test_it_ends_with_its_parent_and_holds_no_lock_of_the_dead(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    pidfd = os.pidfd_open(child)
    try:
        parent.kill()
        parent.wait()
        ended, _, _ = select.select(
            [pidfd], [], [], 60
        )  # the child of a dead parent can be waited for so only
        assert ended
    finally:
        os.close(pidfd)
        parent.stdin.close()
        parent.stdout.close()
    with open_database(tmp_path / STORE_FILE) as database:
        drainer = DrainProcess(database, tmp_path / SPOOL_FOLDER)
        report = drainer.drain()
        drainer.close()
        assert (report.stored, report.interrupted) == (1, 1)
        assert [call.outcome for call in find_calls(database)] == ["ok", "interrupted"]
