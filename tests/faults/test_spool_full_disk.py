"""The log on a disk that is really full: a small tmpfs, where the tests may mount one."""

import os
import subprocess
from collections import Counter

import pytest

from insource.foundation.errors import PrerequisiteError
from insource.logs.recorder import Recorder
from insource.store.calls.calls import find_calls
from insource.store.database import open_database
from insource.store.spool.writer import Spool

DOCUMENT = {"text": "480 V " * 500}
ANSWER = "0123456789" * 20


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a small tmpfs needs root")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.fixture
def database(tmp_path):
    with open_database(tmp_path / "insource.db") as opened:
        yield opened


def fill(disk):
    """Take all the room there is; returns the file to delete to have it back."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 16, 4096):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return filler


def record(recorder, name):
    recorder.begin(DOCUMENT, model_asked=name).end(response_text=ANSWER)


def test_under_pass_calls_go_on_what_is_lost_is_counted_and_the_rest_is_whole(small_disk, database):
    recorder = Recorder(Spool(small_disk / "spool", reserve_bytes=1 << 18), database)
    filler = fill(small_disk)
    names = [f"call-{number}" for number in range(200)]
    for name in names:
        record(recorder, name)
    assert 0 < recorder.lost < 200
    assert not (small_disk / "spool" / "reserve").exists()
    lost_while_full = recorder.lost
    filler.unlink()
    record(recorder, "after")
    assert recorder.lost == lost_while_full
    report = recorder.close()
    assert (report.corrupt, report.torn, report.orphaned) == (0, 0, 0)
    calls = find_calls(database)
    finished = Counter(call.model_asked for call in calls if call.outcome == "ok")
    assert sum(finished.values()) == 201 - lost_while_full
    assert set(finished.values()) == {1}
    assert all(call.response_text == ANSWER for call in calls if call.outcome == "ok")


def test_under_refuse_every_call_begun_is_finished_and_none_is_lost(small_disk, database):
    recorder = Recorder(Spool(small_disk / "spool", on_log_failure="refuse", reserve_bytes=1 << 18), database)
    under_way = [recorder.begin(DOCUMENT, model_asked=f"call-{number}") for number in range(20)]
    filler = fill(small_disk)

    def begin_more():
        for number in range(20, 40):  # some may fit into the last page the segment has
            under_way.append(recorder.begin(DOCUMENT, model_asked=f"call-{number}"))

    with pytest.raises(PrerequisiteError) as caught:
        begin_more()
    assert caught.value.code == "spool-unwritable"
    assert len(under_way) < 40
    for recording in under_way:
        recording.end(response_text=ANSWER)
    filler.unlink()
    record(recorder, "after")
    recorder.close()
    finished = Counter(call.model_asked for call in find_calls(database) if call.outcome == "ok")
    begun = [f"call-{number}" for number in range(len(under_way))]
    assert finished == {name: 1 for name in ["after", *begun]}


def test_a_full_disk_under_the_store_leaves_the_calls_in_the_spool(small_disk, tmp_path):
    with open_database(small_disk / "insource.db") as database:
        recorder = Recorder(Spool(tmp_path / "spool"), database)
        for number in range(100):
            record(recorder, f"call-{number}")
        filler = fill(small_disk)
        with pytest.raises(PrerequisiteError) as caught:
            recorder.flush()
        assert caught.value.code == "store-full"
        filler.unlink()
        assert recorder.close().stored == 100
