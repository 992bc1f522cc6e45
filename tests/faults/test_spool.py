"""What a dying process, a damaged file, a locked store and a full disk do to the log."""

import errno
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from insource.foundation.errors import PrerequisiteError
from insource.logs.recorder import Recorder
from insource.store.calls.calls import find_calls
from insource.store.calls.usage import consumption
from insource.store.database import open_database
from insource.store.spool import drain as drain_module
from insource.store.spool.drain import drain
from insource.store.spool.frames import MAGIC
from insource.store.spool.progress import SEGMENTS
from insource.store.spool.writer import Spool

RECORD_THEN_WAIT = """
import sys, time
from pathlib import Path
from insource.logs.recorder import Recorder

with Recorder.open(Path(sys.argv[1])) as recorder:
    for number in range(int(sys.argv[2])):
        recorder.begin({"n": number}, model_asked=sys.argv[3]).end(response_text=str(number))
    if sys.argv[4] == "flush":
        recorder.flush()
    recording = recorder.begin({"n": "open"}, model_asked=sys.argv[3])
    recording.chunk("half an ")
    print("ready", flush=True)
    time.sleep(60)
"""

RECORD_AND_LEAVE = """
import sys
from pathlib import Path
from insource.logs.recorder import Recorder

with Recorder.open(Path(sys.argv[1])) as recorder:
    for number in range(200):
        recorder.begin({"n": number}, model_asked=sys.argv[2]).end(response_text=str(number))
        if number % 20 == 0:
            recorder.flush()
"""


@pytest.fixture
def database(tmp_path):
    with open_database(tmp_path / "insource.db", busy_timeout_s=2) as opened:
        yield opened


def killed_after(tmp_path, calls, name="m", flush="no"):
    """The root of a recorder whose process was killed with ``calls`` finished calls and one open."""
    arguments = [sys.executable, "-c", RECORD_THEN_WAIT, str(tmp_path), str(calls), name, flush]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL


def segments(tmp_path):
    return sorted((tmp_path / "spool").glob("*.seg"))


def texts(database):
    return Counter(call.response_text for call in find_calls(database))


@pytest.mark.parametrize("flush", ["no", "flush"])
def test_kill_9_keeps_every_finished_call_once_and_marks_the_open_one(tmp_path, database, flush):
    killed_after(tmp_path, 50, flush=flush)
    report = drain(database, tmp_path / "spool")
    assert (report.stored, report.interrupted) == (51 if flush == "no" else 1, 1)
    *finished, interrupted = find_calls(database)
    assert [(call.request, call.outcome) for call in finished] == [({"n": n}, "ok") for n in range(50)]
    assert (interrupted.outcome, interrupted.request) == ("interrupted", {"n": "open"})
    assert interrupted.response_text == "half "
    assert interrupted.error
    assert segments(tmp_path) == []
    assert drain(database, tmp_path / "spool").stored == 0
    with database.read() as connection:
        assert connection.execute(SEGMENTS.select()).all() == []


def test_the_segment_of_a_living_process_is_drained_but_stays(tmp_path, database):
    arguments = [sys.executable, "-c", RECORD_THEN_WAIT, str(tmp_path), "5", "m", "no"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "ready\n"
        report = drain(database, tmp_path / "spool")
        assert (report.stored, report.under_way, report.interrupted) == (5, 1, 0)
        assert len(segments(tmp_path)) == 1
        child.kill()
    report = drain(database, tmp_path / "spool")
    assert (report.stored, report.interrupted) == (1, 1)
    assert segments(tmp_path) == []


def test_two_processes_record_and_drain_on_one_store(tmp_path, database):
    children = [
        subprocess.Popen([sys.executable, "-c", RECORD_AND_LEAVE, str(tmp_path), name]) for name in "ab"
    ]
    assert [child.wait(timeout=120) for child in children] == [0, 0]
    drain(database, tmp_path / "spool")
    for name in "ab":
        assert [call.request["n"] for call in find_calls(database, model=name)] == list(range(200))
    assert sorted((line.group["model"], line.calls) for line in consumption(database, ["model"])) == [
        ("a", 200),
        ("b", 200),
    ]
    assert segments(tmp_path) == []


def test_a_drain_cut_short_before_its_commit_repeats_nothing(tmp_path, database, monkeypatch):
    killed_after(tmp_path, 10)

    def cut_short(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(drain_module, "record_progress", cut_short)
        with pytest.raises(KeyboardInterrupt):
            drain(database, tmp_path / "spool")
    assert find_calls(database) == []
    assert consumption(database) == ()
    assert drain(database, tmp_path / "spool").stored == 11
    assert [line.calls for line in consumption(database)] == [11]
    assert set(texts(database).values()) == {1}


def test_a_drain_cut_short_before_it_deletes_repeats_nothing(tmp_path, database, monkeypatch):
    killed_after(tmp_path, 10)

    def cut_short(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(drain_module, "forget", cut_short)
        patched.setattr(drain_module.Path, "unlink", cut_short)
        with pytest.raises(KeyboardInterrupt):
            drain(database, tmp_path / "spool")
    assert len(segments(tmp_path)) == 1
    report = drain(database, tmp_path / "spool")
    assert (report.stored, report.interrupted, len(find_calls(database))) == (0, 0, 11)
    assert segments(tmp_path) == []


def test_every_batch_boundary_is_safe(tmp_path, database, monkeypatch):
    killed_after(tmp_path, 30)
    monkeypatch.setattr(drain_module, "_BATCH_BYTES", 200)
    monkeypatch.setattr(drain_module, "_RECORD_BYTES", 16)
    report = drain(database, tmp_path / "spool")
    assert (report.stored, report.interrupted, report.corrupt, report.orphaned) == (31, 1, 0, 0)


def test_a_torn_segment_keeps_all_that_was_whole(tmp_path, database):
    killed_after(tmp_path, 5)
    [segment] = segments(tmp_path)
    os.truncate(segment, segment.read_bytes().rfind(MAGIC) + 20)  # into the chunk of the open call
    report = drain(database, tmp_path / "spool")
    assert (report.stored, report.interrupted, report.torn, report.corrupt) == (6, 1, 1, 0)
    assert texts(database)[""] == 1


def test_damage_in_the_middle_costs_one_record_and_is_counted(tmp_path, database):
    killed_after(tmp_path, 5)
    [segment] = segments(tmp_path)
    data = bytearray(segment.read_bytes())
    third_end = [i for i in range(len(data)) if data[i : i + 4] == MAGIC][5]
    data[third_end + 30] ^= 0xFF
    segment.write_bytes(data)
    report = drain(database, tmp_path / "spool")
    assert (report.corrupt, report.stored, report.interrupted) == (1, 6, 2)
    outcomes = [call.outcome for call in find_calls(database)]
    assert outcomes == ["ok", "ok", "interrupted", "ok", "ok", "interrupted"]


def test_an_end_without_its_beginning_is_counted(tmp_path, database):
    killed_after(tmp_path, 2)
    [segment] = segments(tmp_path)
    data = bytearray(segment.read_bytes())
    data[20] ^= 0xFF
    segment.write_bytes(data)
    report = drain(database, tmp_path / "spool")
    assert (report.corrupt, report.orphaned, report.stored) == (1, 1, 2)


def test_an_empty_or_foreign_segment_harms_nobody(tmp_path, database):
    killed_after(tmp_path, 1)
    (tmp_path / "spool" / "0-1-empty.seg").touch()
    (tmp_path / "spool" / "0-2-foreign.seg").write_bytes(b"hello" * 1000)
    report = drain(database, tmp_path / "spool")
    assert (report.stored, report.torn) == (2, 1)
    assert segments(tmp_path) == []


def test_while_the_store_is_locked_calls_wait_in_the_spool(tmp_path, database):
    spool = Spool(tmp_path / "spool")
    recorder = Recorder(spool, database)
    other = sqlite3.connect(tmp_path / "insource.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    recorder.begin({}, model_asked="m").end(response_text="kept")
    with pytest.raises(PrerequisiteError) as caught:
        recorder.flush()
    assert caught.value.code == "store-locked"
    other.execute("ROLLBACK")
    other.close()
    assert recorder.close().stored == 1
    assert texts(database) == {"kept": 1}


class FullDisk:
    """``os.write`` on a disk with so many bytes left; what the reserve holds is added when it goes."""

    def __init__(self, monkeypatch, room):
        self.room = room
        self._write, self._fallocate = os.write, os.posix_fallocate
        monkeypatch.setattr(os, "write", self.write)
        monkeypatch.setattr(os, "posix_fallocate", self.fallocate)

    def write(self, fd, data):
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = self._write(fd, bytes(data[: self.room]))
        self.room -= written
        return written

    def fallocate(self, fd, offset, length):
        if self.room < length:
            raise OSError(errno.ENOSPC, "No space left on device")
        self._fallocate(fd, offset, length)


def test_a_full_disk_under_pass_counts_what_is_lost_and_keeps_the_rest(tmp_path, database, monkeypatch):
    recorder = Recorder(Spool(tmp_path / "spool", reserve_bytes=4096), database)
    with monkeypatch.context() as patched:
        FullDisk(patched, room=2500)
        for number in range(20):
            recorder.begin({"n": number}, model_asked="m").end(response_text=str(number))
    kept = 20 - recorder.lost
    assert 0 < kept < 20
    assert not (tmp_path / "spool" / "reserve").exists()
    recorder.begin({"n": 20}, model_asked="m").end(response_text="room again")
    report = recorder.close()
    assert (report.corrupt, report.torn) == (0, 0)
    finished = [call for call in find_calls(database) if call.outcome == "ok"]
    assert len(finished) == kept + 1


def test_the_reserve_takes_what_the_full_disk_does_not(tmp_path, database, monkeypatch):
    recorder = Recorder(Spool(tmp_path / "spool", reserve_bytes=4096), database)
    recording = recorder.begin({}, model_asked="m")
    with monkeypatch.context() as patched:
        disk = FullDisk(patched, room=10)
        unlink = os.unlink

        def freeing(path, **arguments):
            disk.room += 4096
            return unlink(path, **arguments)

        patched.setattr(os, "unlink", freeing)
        recording.end(response_text="saved")
    assert recorder.lost == 0
    recorder.close()
    assert texts(database) == {"saved": 1}


def test_a_full_disk_under_refuse_begins_nothing_and_finishes_what_was_begun(tmp_path, database, monkeypatch):
    recorder = Recorder(Spool(tmp_path / "spool", on_log_failure="refuse", reserve_bytes=4096), database)
    under_way = recorder.begin({}, model_asked="m")
    with monkeypatch.context() as patched:
        disk = FullDisk(patched, room=0)
        with pytest.raises(PrerequisiteError) as caught:
            recorder.begin({}, model_asked="refused")
        assert caught.value.code == "spool-unwritable"
        assert (tmp_path / "spool" / "reserve").exists()  # kept for the call under way
        disk.room = 4000
        under_way.end(response_text="finished")
        (tmp_path / "spool" / "reserve").unlink()
        with pytest.raises(PrerequisiteError):  # room enough for a record, not for the reserve
            recorder.begin({}, model_asked="refused")
    recorder.begin({}, model_asked="m").end(response_text="room again")
    recorder.close()
    assert texts(database) == {"finished": 1, "room again": 1}


def test_a_file_size_limit_leaves_no_half_record(tmp_path, database):
    spool = Spool(tmp_path / "spool", reserve_bytes=512)
    recorder = Recorder(spool, database)
    recorder.begin({}, model_asked="m").end(response_text="before")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        recorder.begin({"text": "x" * 5000}, model_asked="too long").end(response_text="lost")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    recorder.begin({}, model_asked="m").end(response_text="after")
    assert recorder.lost == 1
    report = recorder.close()
    assert (report.corrupt, report.torn) == (0, 0)
    assert texts(database) == {"before": 1, "after": 1}


def test_a_spool_that_cannot_be_made_says_so(tmp_path):
    (tmp_path / "spool").touch()
    with pytest.raises(PrerequisiteError) as caught:
        Spool(tmp_path / "spool")
    assert caught.value.code == "spool-unwritable"


def test_what_is_recorded_after_the_end_of_the_spool_is_counted_as_lost(tmp_path, database):
    recorder = Recorder(Spool(tmp_path / "spool"), database)
    recorder.close()
    recorder.begin({}, model_asked="m").end()
    assert recorder.lost == 1


def test_many_threads_share_one_spool_while_it_is_drained(tmp_path, database):
    recorder = Recorder(Spool(tmp_path / "spool", segment_bytes=2000, fsync_interval_s=0.001), database)

    def record(number):
        recording = recorder.begin({"n": number}, model_asked="m")
        recording.chunk("some ")
        recording.end(response_text=str(number))
        if number % 25 == 0:
            recorder.flush()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(record, range(300)))
    recorder.close()
    assert texts(database) == {str(number): 1 for number in range(300)}
    assert (recorder.lost, segments(tmp_path)) == (0, [])
