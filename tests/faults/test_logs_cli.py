"""`insource logs` as a person meets it: on hostile text, broken pipes, empty folders, without a terminal."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from decimal import Decimal

import pytest

from insource.cli.logs.tables import seconds
from insource.logs.query import Log
from insource.logs.recorder import Recorder
from insource.types import Usage

HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202eevil\u2066 \x9b31m"
COMMAND = [sys.executable, "-m", "insource.cli.main", "logs"]
OUR_STYLES = re.compile("\x1b\\[(0|1|31|36)m")
STEERS = ("\x1b", "\x07", "\x9b", "\u202e", "\u2066")


@pytest.fixture
def root(tmp_path):
    return tmp_path / ".insource"


def record(root, count=3, **fields):
    with Recorder.open(root) as recorder:
        for number in range(count):
            recording = recorder.begin(
                {"messages": [{"role": "user", "content": f"document {number}"}]},
                **{"model_asked": "cloud/big", "task": "specs"} | fields,
            )
            recording.end(response_text=f"answer {number}", usage=Usage(input_tokens=3, output_tokens=2))
    return recording.call_id


@contextmanager
def terminal(*arguments, cwd, columns=400):
    """The command on a terminal; gives what it shows."""
    ours, theirs = pty.openpty()
    wide = os.environ | {"COLUMNS": str(columns)}
    process = subprocess.Popen(
        [*COMMAND, *arguments], cwd=cwd, env=wide, stdout=theirs, stderr=theirs, stdin=theirs
    )
    os.close(theirs)
    try:
        yield process, ours
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def read_all(descriptor):
    shown = b""
    while True:
        try:
            piece = os.read(descriptor, 65536)
        except OSError:  # Linux's way of saying that the other side is closed
            break
        if not piece:
            break
        shown += piece
    return shown.decode(errors="replace")


def test_hostile_text_reaches_no_terminal(root, tmp_path):
    with Recorder.open(root) as recorder:
        recording = recorder.begin(
            {"messages": [{"role": HOSTILE, "content": HOSTILE}], HOSTILE: HOSTILE},
            **{
                "model_asked": HOSTILE,
                "task": HOSTILE,
                "feature": HOSTILE,
                "user": HOSTILE,
                "provider": HOSTILE,
            },
            tags={HOSTILE: HOSTILE},
        )
        recording.end(response_text=HOSTILE, error=HOSTILE, outcome="error", priced_by=HOSTILE)
    with Log(root) as log:
        log.correct(recording.call_id, HOSTILE, who=HOSTILE)
    for arguments in (
        ["stats", "--by", "task", "--by", "user", "--by", "provider"],
        ["list"],
        ["tail"],
        ["show", recording.call_id],
        ["show", HOSTILE],
        ["export"],
        ["export", "--format", "csv"],
        ["stats", "--json"],
        ["list", "--json"],
        ["show", recording.call_id, "--json"],
    ):
        with terminal(*arguments, cwd=tmp_path) as (_, descriptor):
            shown = read_all(descriptor)
        assert "evil" in shown, arguments
        plain = OUR_STYLES.sub("", shown)
        assert not [sign for sign in STEERS if sign in plain], arguments


def test_whoever_stops_reading_ends_it_quietly(root, tmp_path):
    record(root, 400)
    for verb in (["export"], ["list", "-n", "400"], ["tail", "-n", "400"]):
        with subprocess.Popen(
            [*COMMAND, *verb], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            process.stdout.read(10)
            process.stdout.close()
            assert process.stderr.read() == b"", verb
        assert process.returncode == 1  # click's, and quiet


def test_tail_follows_what_another_process_records(root, tmp_path):
    record(root, 2)
    with subprocess.Popen(
        [*COMMAND, "tail", "-f", "-n", "1", "--json"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as process:
        assert json.loads(process.stdout.readline())["response_text"] == "answer 1"
        with Recorder.open(root) as recorder:
            slow = recorder.begin({}, model_asked="slow")  # starts before, ends after
            recorder.begin({}, model_asked="quick").end(response_text="quick")
            assert json.loads(process.stdout.readline())["response_text"] == "quick"
            slow.end(response_text="slow")
            assert json.loads(process.stdout.readline())["response_text"] == "slow"
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == ""
    assert process.returncode == 0


def test_without_a_log_or_a_project_it_says_what_to_do(insource, refuses, project, tmp_path):
    refuses("logs", "stats", code="no-config")
    project()
    refuses("logs", "list", code="no-log")
    assert not (tmp_path / ".insource").exists()


def test_a_log_is_found_where_the_project_keeps_it(insource, project, tmp_path):
    project(config='[project]\nworkspace = "elsewhere"\n')
    record(tmp_path / "elsewhere", 2)
    found = json.loads(insource("logs", "stats", "--json").stdout)
    assert [line["calls"] for line in found["total"]] == [2]


def test_stats_say_what_is_unknown(root, insource):
    record(root, 3)
    shown = insource("logs", "stats").stdout
    assert "unknown" in shown
    assert "$0" not in shown


def test_stats_fit_a_terminal_of_80_columns(root, tmp_path):
    with Recorder.open(root) as recorder:
        for number in range(2):
            recording = recorder.begin(
                {},
                model_asked=f"provider/a-model-with-a-name-2026-11-0{number}",
                task="invoices-invoice-total",
            )
            usage = Usage(input_tokens=123_456_789, output_tokens=12_345_678) if number else None
            cost = Decimal("0.0000123") if number else None
            recording.end(usage=usage, cost_usd=cost, latency_s=0.0123)
    with terminal("stats", cwd=tmp_path, columns=80) as (_, shown):
        lines = read_all(shown).splitlines()
    assert max(len(line) for line in lines if "ms" in line) <= 80
    assert lines[0].split() == ["calls", "errors", "tokens", "in", "out", "cost", "p50", "p95", "p99"]
    assert "invoices-invoice-total / provider/a-model-with-a-name-2026-11-01" in lines
    unknown = "1 call of unknown price; 1 call uncounted"
    assert f"invoices-invoice-total / provider/a-model-with-a-name-2026-11-00; {unknown}" in lines
    assert f"total; {unknown}" in lines
    assert lines[2].split() == ["1", "0", "123,456,789", "12,345,678", "$0.000012", *["12", "ms"] * 3]


def test_an_error_is_no_call_of_unknown_price(root, insource):
    with Recorder.open(root) as recorder:
        recorder.begin({}, model_asked="m").end(outcome="error", status=500)
    shown = insource("logs", "stats").stdout
    assert "unknown" not in shown
    assert "uncounted" not in shown
    assert "$" not in shown
    assert "error 500  -  " in insource("logs", "list").stdout


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0000123, "0.012 ms"), (0.00996, "10 ms"), (0.0996, "100 ms"), (0.42, "0.42 s"), (1234.0, "1,234 s")],
)
def test_times_are_in_the_unit_they_are_read_in(value, shown):
    assert seconds(value) == shown


@pytest.mark.parametrize("wrong", ["yesterday", "7x", "99999999999d", "2026-13-01"])
def test_a_time_that_is_none_is_refused(root, insource, wrong):
    record(root, 1)
    done = insource("logs", "list", "--since", wrong)
    assert done.returncode == 2
    assert "24h" in done.stderr


def test_a_purge_asks_and_does_nothing_unless_told(root, insource, refuses):
    call_id = record(root, 3)
    refuses("logs", "purge", "--task", "specs", code="purge-not-confirmed")
    assert insource("logs", "purge").returncode == 2
    done = insource("logs", "purge", "--id", call_id, "--id", "unknown", "--yes", "--reason", "asked by mail")
    assert "Removed 1 calls" in done.stderr
    assert "no call unknown" in done.stderr
    said = refuses("logs", "show", call_id, code="call-not-found")
    assert "asked by mail" in said
    assert json.loads(insource("logs", "stats", "--json").stdout)["total"][0]["calls"] == 2


def test_feedback_from_text_file_and_standard_input(root, insource, tmp_path):
    call_id = record(root, 1)
    (tmp_path / "right.json").write_text('{"a": 1}')
    assert insource("logs", "feedback", call_id, "--correct", "right.json", "--who", "mia").returncode == 0
    assert insource("logs", "feedback", call_id, "--correct", "in words", "--rating", "up").returncode == 0
    assert insource("logs", "feedback", call_id).returncode == 2
    said = json.loads(insource("logs", "show", call_id, "--json").stdout)["feedback"]
    assert [(one["kind"], one["value"], one["who"]) for one in said] == [
        ("correction", '{"a": 1}', "mia"),
        ("correction", "in words", ""),
        ("rating", "up", ""),
    ]
    assert "in words" in insource("logs", "show", call_id).stdout


def test_an_export_is_there_when_it_is_whole_and_nobody_else_s(root, insource, tmp_path):
    record(root, 3)
    out = tmp_path / "calls.jsonl"
    out.write_text("as it was")
    failing = (
        "import insource.logs.export as e; e._jsonl = lambda *a: (_ for _ in ()).throw(KeyboardInterrupt)"
    )
    done = insource("logs", "export", "-o", str(out), prelude=failing)
    assert (done.returncode, out.read_text()) == (130, "as it was")
    assert insource("logs", "export", "-o", str(out)).returncode == 0
    assert [json.loads(line)["response_text"] for line in out.read_text().splitlines()] == [
        "answer 0",
        "answer 1",
        "answer 2",
    ]
    assert out.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == [".insource", "calls.jsonl"]
