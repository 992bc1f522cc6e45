"""A purge leaves nothing: not in rows, totals or feedback, and not in the bytes of any file."""

import json
import sqlite3
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from support.child_python import python_child
from support.marked_calls import record, text

from insource.dataset.saved.purged_answers import affected
from insource.foundation.errors import PrerequisiteError
from insource.logs.query import Log
from insource.logs.recorder import Recorder
from insource.store.calls.calls import find_calls, insert_calls
from insource.store.database import open_database
from insource.store.removal.purge import retain
from insource.store.spool.drain import drain
from insource.store.spool.progress import SEGMENTS
from insource.store.spool.writer import Spool
from insource.types import Call

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


class At:
    """A clock that stands still until it is set."""

    def __init__(self, moment=NOW):
        self.moment = moment

    def now(self):
        return self.moment

    def monotonic(self):
        return self.moment.timestamp()


def files_with(root, marker):
    return sorted(
        path.name for path in root.rglob("*") if path.is_file() and marker.encode() in path.read_bytes()
    )


def test_nothing_of_a_purged_call_is_left_in_any_file(tmp_path):
    with Recorder.open(tmp_path) as recorder:  # alive, so that its segment stays
        under_way = recorder.begin({"text": "the marker of waiting"}, model_asked="m")
        kept = [record(recorder, "staying", number) for number in range(20)]
        gone = [record(recorder, "leaving", number) for number in range(20)]
        recorder.flush()
        with Log(tmp_path) as log:
            log.correct(gone[0], "the marker of leaving feedback")
            assert len(files_with(tmp_path, "marker of leaving")) >= 2
            report = log.purge(task="leaving", reason="a test")
            assert (report.calls, report.under_way) == (20, 1)
            assert files_with(tmp_path, "marker of leaving") == []
            assert files_with(tmp_path, "user-leaving") == []
            assert files_with(tmp_path, "marker of staying 3") != []
            assert [line.group["task"] for line in log.stats("task")] == ["staying"]
            assert log.feedback(*gone) == {}
            assert log.purge_of(gone[0]).reason == "a test"
            assert log.purge_of(kept[0]) is None
            [entry] = log.purges()
            assert (entry.calls, entry.selection) == (20, {"task": "leaving"})
        under_way.end(response_text="ended after the purge")
        later = record(recorder, "leaving", 99)
        assert recorder.flush().corrupt == 0
    with open_database(tmp_path / "insource.db") as database:
        ids = {call.call_id for call in find_calls(database)}
        assert ids == {*kept, under_way.call_id, later}


def test_of_a_user_who_is_forgotten_not_even_the_name_is_left(tmp_path):
    with Recorder.open(tmp_path) as recorder:
        record(recorder, "leaving", 1)
        recorder.flush()
        with Log(tmp_path) as log:
            assert log.purge(user="user-leaving", reason="asked for").calls == 1
            assert log.purges()[0].selection == {"user": "(one)"}
        assert files_with(tmp_path, "leaving") == []


def test_what_a_killed_recorder_left_is_purged_too_and_recovery_still_works(tmp_path):
    code = """
import os, sys
from pathlib import Path
from insource.logs.recorder import Recorder
from support.marked_calls import record
with Recorder.open(Path(sys.argv[1])) as recorder:
    for number in range(5):
        record(recorder, "leaving", number)
    recording = recorder.begin({"text": "open"}, model_asked="m")
    recording.chunk("half an ")
    recorder.flush()
    record(recorder, "leaving", 6)
    os._exit(9)
"""
    done = subprocess.run(**python_child(code, tmp_path), timeout=60)
    assert done.returncode == 9
    with Log(tmp_path) as log:
        assert log.purge(task="leaving", reason="a test").calls == 6
        assert files_with(tmp_path, "marker of leaving") == []
        [interrupted] = log.calls()
        assert (interrupted.outcome, interrupted.response_text) == ("interrupted", "half ")


def test_an_open_call_survives_the_overwriting_around_it(tmp_path):
    with open_database(tmp_path / "insource.db") as database:
        recorder = Recorder(Spool(tmp_path / "spool"), database)
        record(recorder, "leaving", 1)
        open_call = recorder.begin({"text": "open"}, model_asked="m", task="open")
        open_call.chunk("one two ")
        record(recorder, "leaving", 2)
        open_call.chunk("three four ")
        recorder.flush()
        with Log(tmp_path) as log:
            log.purge(task="leaving", reason="a test")
        assert files_with(tmp_path, "marker of leaving") == []
        recorder.close()  # without its end: interrupted, with the pieces from among the overwritten
        [call] = find_calls(database)
        assert (call.request, call.response_text) == ({"text": "open"}, "one two three ")


def test_neither_an_import_nor_a_late_drain_brings_a_purged_call_back(tmp_path):
    (tmp_path / "spool").mkdir()
    call = Call(call_id="c1", started_at=NOW, model_asked="m", request={}, task="t")
    with Log(tmp_path) as log:
        with log.database.write() as connection:
            assert insert_calls(connection, [call]) == 1
        assert log.purge(call_ids=("c1", "unknown"), reason="a test").calls == 1
        with log.database.write() as connection:
            assert insert_calls(connection, [call]) == 0
        recorder = Recorder(Spool(tmp_path / "spool"), log.database, ids=lambda: "c1")
        recorder.begin({}, model_asked="m").end()
        assert recorder.close().stored == 0
        assert (log.get("c1"), log.stats()) == (None, ())


def test_a_reader_in_the_way_is_said_and_the_same_purge_finishes(tmp_path):
    (tmp_path / "spool").mkdir()
    with open_database(tmp_path / "insource.db", busy_timeout_s=0.1) as database:
        calls = [
            Call(call_id=f"c{n}", started_at=NOW, model_asked="m", request={"t": text("leaving", n)})
            for n in range(9)
        ]
        with database.write() as connection:
            insert_calls(connection, calls)
        with Log(tmp_path) as log:
            log.database.close()
            log.database = database
            reader = sqlite3.connect(tmp_path / "insource.db", isolation_level=None)
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM calls").fetchone()
            with pytest.raises(PrerequisiteError) as caught:
                log.purge(model="m", reason="a test")
            assert caught.value.code == "store-locked"
            assert list(log.calls()) == []
            reader.execute("COMMIT")
            reader.close()
            assert log.purge(model="m", reason="a test").calls == 0
            assert files_with(tmp_path, "marker of leaving") == []


def test_datasets_and_runs_made_from_purged_calls_are_named(tmp_path):
    folder = tmp_path / "datasets" / "specs@abc"
    folder.mkdir(parents=True)
    rows = [
        {"row_id": "leaving1", "digest": "d1", "cloud_outputs": {"cloud/big": "x"}},
        {"row_id": "leaving2", "digest": "d2", "cloud_outputs": {"another": "x"}},
    ]
    for split in ("train", "validation", "calibration", "test"):
        lines = [json.dumps(row) + "\n" for row in rows] if split == "train" else []
        (folder / f"{split}.jsonl").write_text("".join(lines))
    (folder / "manifest.json").write_text(json.dumps({"digest": "a-digest"}))
    for name, inputs in (
        ("1-run", {"dataset": "a-digest"}),
        ("2-export", {"train": "key of 1-run"}),
        ("3-run", {}),
    ):
        run = tmp_path / "runs" / name
        run.mkdir(parents=True)
        manifest = {"key": f"key of {name}", "stage": "run", "run_id": name, "spec": {"inputs": inputs}}
        (run / "manifest.json").write_text(json.dumps(manifest | {"seconds": 1, "outputs": [], "result": {}}))
    with Recorder.open(tmp_path) as recorder:
        for number in (1, 2, 3):
            record(recorder, "leaving", number)
    with Log(tmp_path) as log:
        report = log.purge(task="leaving", reason="a test")
    [found] = affected(tmp_path, report.row_answers)
    assert (found.dataset, found.rows, found.runs) == ("specs@abc", 1, ("1-run", "2-export"))
    assert affected(tmp_path, frozenset()) == ()


def aged(number, days):
    request = {"text": text("aged", number)}
    return Call(
        call_id=f"c{number:03}", started_at=NOW - timedelta(days=days), model_asked="m", request=request
    )


def test_retention_by_age_takes_a_bounded_piece_a_turn_and_one_entry_a_day(tmp_path):
    spool = tmp_path / "spool"
    with open_database(tmp_path / "insource.db") as database:
        with database.write() as connection:
            insert_calls(connection, [aged(number, days=number) for number in range(30)])
        turns = [retain(database, spool, days=9.5, at_most=8, clock=At()) for _ in range(4)]
        assert [(turn.calls, turn.more) for turn in turns] == [(8, True), (8, True), (4, False), (0, False)]
        assert [call.call_id for call in find_calls(database)] == [
            f"c{number:03}" for number in range(9, -1, -1)
        ]
        with Log(tmp_path) as log:
            assert [(entry.reason, entry.calls) for entry in log.purges()] == [("retention", 20)]
            assert sum(line.calls for line in log.stats("day")) == 10
        with database.write() as connection:  # no tombstones: an import of old calls is retired again
            assert insert_calls(connection, [aged(29, days=29)]) == 1
        assert retain(database, spool, days=9.5, clock=At(NOW + timedelta(days=1))).calls == 2
        assert retain(database, spool, clock=At()).calls == 0


def test_retention_by_size_takes_the_oldest_until_it_fits(tmp_path):
    with open_database(tmp_path / "insource.db") as database:
        with database.write() as connection:
            insert_calls(connection, [aged(number, days=number) for number in range(300)])
        before = database.used_bytes()
        limit_gb = before * 0.5 / 1e9
        for _ in range(10):
            turn = retain(database, tmp_path / "spool", gb=limit_gb, at_most=100, clock=At())
            if not turn.calls:
                break
        assert 0.3 * before < database.used_bytes() <= 0.5 * before
        kept = [call.call_id for call in find_calls(database)]
        assert kept == [f"c{number:03}" for number in range(len(kept) - 1, -1, -1)]


def test_retention_overwrites_the_drained_spool_of_the_living(tmp_path):
    with open_database(tmp_path / "insource.db") as database:
        recorder = Recorder(Spool(tmp_path / "spool"), database, clock=At())
        record(recorder, "leaving", 1)
        recorder.flush()
        assert retain(database, tmp_path / "spool", days=1, clock=At(NOW + timedelta(days=2))).calls == 1
        [segment] = (tmp_path / "spool").glob("*.seg")
        assert segment.read_bytes().strip(b"\0") == b""
        with database.read() as connection:
            assert connection.execute(SEGMENTS.select()).one().erased == segment.stat().st_size
        record(recorder, "staying", 1)
        assert recorder.close().stored == 1
        assert [call.task for call in find_calls(database)] == ["staying"]
        assert drain(database, tmp_path / "spool").corrupt == 0
