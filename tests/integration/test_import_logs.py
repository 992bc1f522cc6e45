"""``insource logs import`` on real files and a real store, in a process of its own."""

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from support.import_samples import (
    BATCH,
    BATCH_INPUT,
    LANGFUSE_RECORDS,
    LANGFUSE_SPAN,
    SAMPLES,
    STORED,
    jsonl,
    table,
)

from insource.logs.importers.load import load
from insource.logs.importers.registry import importer
from insource.logs.query import Log
from insource.providers.billing import billing_of
from insource.providers.prices import PriceTable
from insource.redaction import redact
from insource.store.calls.calls import find_calls
from insource.store.calls.rollups import rebuild_rollups, stored_rollups
from insource.store.database import open_database

LATER = datetime(2026, 2, 1, tzinfo=UTC)
SECRET = "sk-" + "Zk9Qw3Rt7Yp1" * 3


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "insource.toml").write_text("")
    return tmp_path


def stored(folder):
    with open_database(folder / ".insource" / "insource.db") as database:
        return find_calls(database)


def test_each_format_is_found_stored_and_adds_nothing_the_second_time(folder, insource):
    for name, samples in SAMPLES.items():
        (folder / name).write_bytes(samples[-1])
        (folder / f"{name}.gz").write_bytes(gzip.compress(samples[-1]))
    done = insource("logs", "import", "auto", *SAMPLES, "--json")
    assert done.returncode == 0, done.stderr
    calls = stored(folder)
    for told in json.loads(done.stdout):
        name = told["file"]
        new = sum(call.source == f"import:{name}" for call in calls)
        assert new >= 2
        nothing = {"completed": 0, "known": 0, "rejected": 0, "skipped": {}}
        assert told == {"schema_version": 1, "file": name, "format": name, "new": new, **nothing}
        assert f"{name} is {name}: " in done.stderr
    packed = (f"{name}.gz" for name in SAMPLES)
    again = insource("logs", "import", "auto", *SAMPLES, *packed, "--json")
    assert {one["new"] for one in json.loads(again.stdout)} == {0}
    assert sum(one["known"] for one in json.loads(again.stdout)) == 2 * len(calls)
    assert stored(folder) == calls


def test_an_export_that_overlaps_adds_only_what_is_new(folder, insource):
    lines = STORED.splitlines(keepends=True)
    (folder / "first.jsonl").write_bytes(b"".join(lines[:2]))
    (folder / "second.jsonl").write_bytes(b"".join(lines[1:]))
    done = insource("logs", "import", "auto", "first.jsonl", "second.jsonl", "--json")
    assert [(one["new"], one["known"]) for one in json.loads(done.stdout)] == [(2, 0), (1, 1)]


def test_bad_lines_are_shown_counted_written_down_and_leave_the_rest(folder, insource):
    good = jsonl(LANGFUSE_RECORDS[0])
    bad = b"".join(b'{"id": "\x1b[2J' + str(number).encode() + b"\n" for number in range(30))
    (folder / "log.jsonl").write_bytes(good + bad + jsonl(LANGFUSE_SPAN, LANGFUSE_RECORDS[1]))
    done = insource("logs", "import", "langfuse", "log.jsonl", "--rejected", "bad.jsonl")
    assert done.returncode == 0
    assert "2 calls imported" in done.stderr
    assert "1 skipped: an observation of the type SPAN" in done.stderr
    assert "30 could not be read" in done.stderr
    assert "log.jsonl:2: not JSON" in done.stderr
    assert "log.jsonl:21:" in done.stderr
    assert "log.jsonl:22:" not in done.stderr
    assert "10 more" in done.stderr
    assert "\x1b" not in done.stderr
    written = [json.loads(line) for line in (folder / "bad.jsonl").read_text().splitlines()]
    assert [one["line"] for one in written] == list(range(2, 32))
    assert all(one["file"] == "log.jsonl" and one["reason"] for one in written)


def test_nothing_imported_is_an_error(folder, refuses):
    (folder / "log.jsonl").write_bytes(b'{"messages": 3}\n')
    said = refuses("logs", "import", "openai-finetune", "log.jsonl", code="nothing-imported")
    assert "log.jsonl:1: `messages` is not a list of messages" in said


def test_a_file_of_no_known_format(folder, refuses):
    (folder / "log.jsonl").write_bytes(b'{"x": 1, "\x1b[31my": 2}\n{"x": 2}\n')
    said = refuses("logs", "import", "auto", "log.jsonl", code="log-format-unknown")
    assert "Its first record has: 'x'" in said
    assert "\x1b" not in said
    (folder / "empty").write_bytes(b"")
    refuses("logs", "import", "auto", "empty", code="log-format-unknown")


def test_a_file_that_is_not_there_stops_before_the_first_is_imported(folder, refuses):
    (folder / "log.jsonl").write_bytes(STORED)
    assert "missing.jsonl" in refuses(
        "logs", "import", "auto", "log.jsonl", "missing.jsonl", code="log-unreadable"
    )
    assert not (folder / ".insource").exists()


def test_an_import_may_be_the_first_thing_in_a_folder(tmp_path, insource):
    (tmp_path / "log.jsonl").write_bytes(STORED)
    assert insource("logs", "import", "auto", "log.jsonl").returncode == 0
    listed = insource("logs", "list", "--json")
    assert listed.returncode == 0
    assert listed.stdout.count("import:openai-stored") == 3


def test_what_was_purged_does_not_come_back(folder, insource):
    (folder / "log.jsonl").write_bytes(STORED)
    insource("logs", "import", "auto", "log.jsonl")
    gone = stored(folder)[0]
    done = insource("logs", "purge", "--id", gone.call_id, "--yes")
    assert done.returncode == 0, done.stderr
    again = insource("logs", "import", "auto", "log.jsonl", "--json")
    assert [(one["new"], one["known"]) for one in json.loads(again.stdout)] == [(0, 3)]
    assert gone.call_id not in [call.call_id for call in stored(folder)]


UNDER_WAY = LANGFUSE_RECORDS[0] | {"endTime": None, "output": None, "usageDetails": {}, "costDetails": {}}
UNDER_WAY |= {"totalCost": None, "completionStartTime": None}


@pytest.mark.parametrize("batch", [1, 500])
@pytest.mark.parametrize("versions", [[UNDER_WAY, LANGFUSE_RECORDS[0]], [LANGFUSE_RECORDS[0], UNDER_WAY]])
def test_the_finished_version_of_a_record_stands(tmp_path, monkeypatch, versions, batch):
    """In one file or in two, in one batch or in two, in either order."""
    monkeypatch.setattr("insource.logs.importers.load._BATCH", batch)
    for data in (jsonl(*versions), *map(jsonl, versions)):
        with (tmp_path / "log").open("w+b") as file, open_database(tmp_path / "store.db") as database:
            file.write(data)
            file.seek(0)
            load(database, importer("langfuse").read(file, received_at=LATER), redact=redact)
    with open_database(tmp_path / "store.db") as database:
        [call] = find_calls(database)
    assert (call.outcome, call.response_text, call.usage.output_tokens) == ("ok", "technical", 10)


def test_a_later_export_completes_a_call_and_leaves_what_was_said_of_it(folder, insource):
    (folder / "first.jsonl").write_bytes(jsonl(UNDER_WAY))
    (folder / "second.jsonl").write_bytes(jsonl(LANGFUSE_RECORDS[0]))
    insource("logs", "import", "langfuse", "first.jsonl")
    [begun] = stored(folder)
    assert (begun.outcome, begun.response_text) == ("interrupted", "")
    insource("logs", "feedback", begun.call_id, "--rating", "up")
    done = insource("logs", "import", "langfuse", "second.jsonl")
    assert "0 calls imported, 1 completed by a later version, 0 already in the store" in done.stderr
    for file in ("first.jsonl", "second.jsonl"):
        assert "0 calls imported, 1 already" in insource("logs", "import", "langfuse", file).stderr
    [call] = stored(folder)
    assert (call.call_id, call.outcome, call.response_text) == (begun.call_id, "ok", "technical")
    with Log(folder / ".insource") as log:
        assert [given.value for given in log.feedback(call.call_id)[call.call_id]] == ["up"]
        assert [(purge.calls, "later version" in purge.reason) for purge in log.purges()] == [(1, True)]
        with log.database.write() as connection:
            kept = list(stored_rollups(connection))
            rebuild_rollups(connection)
            counted = list(stored_rollups(connection))
    assert [(key, totals.sums) for key, totals in kept] == [(key, totals.sums) for key, totals in counted]


def test_a_later_version_keeps_the_privacy_of_the_stored_task(tmp_path):
    """The first import names a task of which only metadata is kept; the second one names none."""
    known = {"redact": redact, "keeps_content": lambda task: task != "private"}
    with open_database(tmp_path / "store.db") as database:
        for record, task in ((UNDER_WAY, "private"), (LANGFUSE_RECORDS[0] | {"metadata": {}}, "")):
            read = importer("langfuse").read(io.BytesIO(jsonl(record)), received_at=LATER)
            load(database, read, task=task, **known)
        [call] = find_calls(database)
    assert (call.task, call.outcome, call.usage.output_tokens) == ("private", "ok", 10)
    assert (call.response_text, call.request) == ("", {"redaction": "metadata-only"})


def test_a_call_that_was_purged_under_way_stays_purged(folder, insource):
    (folder / "first.jsonl").write_bytes(jsonl(UNDER_WAY))
    (folder / "second.jsonl").write_bytes(jsonl(LANGFUSE_RECORDS[0]))
    insource("logs", "import", "langfuse", "first.jsonl")
    insource("logs", "purge", "--id", stored(folder)[0].call_id, "--yes")
    assert "0 calls imported, 1 already" in insource("logs", "import", "langfuse", "second.jsonl").stderr
    assert stored(folder) == []


def test_an_export_that_would_hold_no_call_says_why_and_writes_nothing(folder, insource, refuses):
    records = [UNDER_WAY | {"id": f"obs-{number}"} for number in range(3)]
    answered = LANGFUSE_RECORDS[0] | {"id": "text", "input": "Where is my parcel?"}
    (folder / "log.jsonl").write_bytes(jsonl(*records, answered))
    insource("logs", "import", "langfuse", "log.jsonl")
    said = refuses("logs", "export", "--format", "openai-chat", "-o", "train.jsonl", code="nothing-exported")
    assert "None of the 4 selected calls" in said
    assert "1 left out: no chat messages" in said
    assert "3 left out: outcome interrupted" in said
    assert not (folder / "train.jsonl").exists()
    assert insource("logs", "export", "-o", "all.jsonl").returncode == 0
    assert insource("logs", "export", "--task", "none", "--format", "openai-chat").returncode == 0


def test_a_batch_is_priced_as_one_with_its_requests_beside_it(folder, insource):
    (folder / "out.jsonl").write_bytes(BATCH)
    (folder / "in.jsonl").write_bytes(BATCH_INPUT)
    done = insource("logs", "import", "auto", "out.jsonl", "--batch-input", "in.jsonl", "--task", "tickets")
    assert done.returncode == 0, done.stderr
    answered = next(call for call in stored(folder) if call.outcome == "ok")
    assert answered.request["messages"]
    assert answered.task == "tickets"
    batch = billing_of(answered.response, batch=True)
    asked = ("gpt-4o-mini-2024-07-18", answered.usage, answered.started_at)
    price = PriceTable().price(*asked, provider=answered.provider, billing=batch)
    assert (answered.cost_usd, answered.priced_by) == (price.cost_usd, price.priced_by)
    assert price.cost_usd is None or price.cost_usd < PriceTable().cost(*asked)


def test_a_batch_input_belongs_to_a_batch(folder, refuses):
    (folder / "log.jsonl").write_bytes(STORED)
    refuses(
        "logs",
        "import",
        "auto",
        "log.jsonl",
        "--batch-input",
        "log.jsonl",
        code="import-options",
        exit_code=2,
    )


def test_a_price_the_log_gives_goes_before_the_table(folder, insource):
    (folder / "log.csv").write_bytes(table(*LANGFUSE_RECORDS))
    insource("logs", "import", "auto", "log.csv")
    good, failed = stored(folder)
    assert (good.cost_usd, good.priced_by) == (Decimal("0.000016"), "langfuse")
    assert (failed.cost_usd, failed.priced_by) == (None, "")


def test_no_secret_of_a_log_reaches_the_disk(folder, insource):
    record = LANGFUSE_RECORDS[0] | {
        "input": f"my key is {SECRET}",
        "metadata": {"note": SECRET},
        "name": SECRET,
        "userId": SECRET,
        "startTime": "2026-01-05T10:00:00Z",
    }
    late = LANGFUSE_RECORDS[1] | {"startTime": SECRET}
    (folder / "log.jsonl").write_bytes(jsonl(record, late))
    done = insource("logs", "import", "langfuse", "log.jsonl", "--rejected", "bad.jsonl")
    assert "1 calls imported" in done.stderr
    assert SECRET not in done.stderr + done.stdout
    written = [path for path in folder.rglob("*") if path.is_file() and path.name != "log.jsonl"]
    assert len(written) >= 3
    assert not [path for path in written if SECRET.encode() in path.read_bytes()]


def test_redaction_that_fails_leaves_only_metadata(tmp_path):
    def broken(value):
        raise RuntimeError("no rules today")

    with open_database(tmp_path / "store.db") as database, (tmp_path / "log").open("w+b") as file:
        file.write(jsonl(LANGFUSE_RECORDS[0]))
        load(database, importer("langfuse").read(file, received_at=LATER), redact=broken)
        [call] = find_calls(database)
    assert call.request == call.raw == {"redaction": "failed"}
    assert (call.response, call.response_text, call.user, call.feature, call.tags) == (None, "", "", "", {})
    assert call.usage.input_tokens == 100


def test_of_a_task_that_is_metadata_only_no_content_is_written(tmp_path):
    with open_database(tmp_path / "store.db") as database, (tmp_path / "log").open("w+b") as file:
        file.write(jsonl(*LANGFUSE_RECORDS))
        load(
            database,
            importer("langfuse").read(file, received_at=LATER),
            redact=redact,
            keeps_content=lambda task: task != "tickets",
        )
        hidden, kept = find_calls(database)
    assert hidden.request == hidden.raw == {"redaction": "metadata-only"}
    assert (hidden.response, hidden.response_text, hidden.user, hidden.tags) == (None, "", "", {})
    assert (hidden.task, hidden.model_asked, hidden.usage.input_tokens) == ("tickets", "gpt-4o-mini", 100)
    assert hidden.cost_usd == Decimal("0.000016")
    assert kept.request["prompt"] == "Where is my parcel?"


MAPPING = """
name = "helpdesk"
[call]
id = "ticket.id"
started_at = "created"
model_asked = "llm.model"
input = "question"
output = "answer"
input_tokens = "tokens_in"
output_tokens = "tokens_out"
latency_ms = "ms"
[constant]
task = "routing"
[tags]
team = "ticket.team"
"""
HEADER = b"ticket,created,llm.model,question,answer,tokens_in,tokens_out,ms\n"
ROW = b'"{""id"": 7, ""team"": ""shop""}",2026-01-05 10:00,gpt-4o-mini,Where is it?,delivery,100,5,250\n'


def test_any_table_through_a_mapping(folder, insource):
    (folder / "mapping.toml").write_text(MAPPING)
    (folder / "log.csv").write_bytes(HEADER + ROW + ROW.replace(b"100", b"many").replace(b"7", b"8"))
    done = insource("logs", "import", "auto", "log.csv", "--mapping", "mapping.toml")
    assert done.returncode == 0, done.stderr
    assert "log.csv:3: input_tokens: 'many' is not a valid number here" in done.stderr
    [call] = stored(folder)
    assert call.source == "import:helpdesk"
    assert call.request == {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "Where is it?"}],
    }
    assert (call.response_text, call.task, call.tags) == ("delivery", "routing", {"team": "shop"})
    assert (call.usage.input_tokens, call.usage.output_tokens, call.latency_s) == (100, 5, 0.25)
    assert call.cost_usd is not None
    assert call.raw["question"] == "Where is it?"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("output =", "outputs ="), "outputs: no such field; did you mean output?"),
        (('"answer"', '"anser"'), "call.output = 'anser'"),
        (("task =", "cost_usd ="), "cost_usd: no such field"),
        (('"helpdesk"', '"Help desk"'), "'Help desk' may have only lower-case"),
        (("[constant]", "[const]"), "const"),
        (("[call]", "[call"), "cannot be read"),
    ],
)
def test_a_mapping_that_cannot_be_meant(folder, refuses, change, said):
    (folder / "mapping.toml").write_text(MAPPING.replace(*change))
    (folder / "log.csv").write_bytes(HEADER + ROW)
    arguments = ("logs", "import", "mapped", "log.csv", "--mapping", "mapping.toml")
    assert said in refuses(*arguments, code="mapping-invalid", exit_code=2)


def test_a_mapping_and_its_format_belong_together(folder, refuses):
    (folder / "mapping.toml").write_text(MAPPING)
    (folder / "log.csv").write_bytes(HEADER + ROW)
    refuses("logs", "import", "mapped", "log.csv", code="import-options", exit_code=2)
    arguments = ("langfuse", "log.csv", "--mapping", "mapping.toml")
    refuses("logs", "import", *arguments, code="import-options", exit_code=2)


@pytest.mark.fault
@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGKILL])
def test_an_import_that_is_stopped_goes_on_where_it_was(folder, kill):
    rows = [LANGFUSE_RECORDS[0] | {"id": f"obs-{number}"} for number in range(6000)]
    (folder / "log.jsonl").write_bytes(jsonl(*rows))
    command = [sys.executable, "-m", "insource.cli.main", "logs", "import", "langfuse", "log.jsonl"]
    running = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    store = folder / ".insource" / "insource.db"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and running.poll() is None and not (_count(store) or 0):
        time.sleep(0.01)
    running.send_signal(kill)
    _, said = running.communicate(timeout=120)
    assert "Traceback" not in said
    assert running.returncode == (130 if kill == signal.SIGINT else -signal.SIGKILL)
    before = _count(store)
    assert 0 < before < 6000
    again = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert f"{6000 - before:,} calls imported, {before:,} already in the store" in again.stderr
    assert _count(store) == 6000


def _count(store):
    import sqlite3

    if not store.exists():
        return 0
    connection = sqlite3.connect(store)
    try:
        return connection.execute("SELECT count(*) FROM calls").fetchone()[0]
    except sqlite3.OperationalError:  # not made yet, or being made
        return 0
    finally:
        connection.close()


REAL = Path(os.environ.get("INSOURCE_API_LOGS", "no folder given"))


@pytest.mark.skipif(not REAL.is_dir(), reason="INSOURCE_API_LOGS names no folder of recorded exchanges")
def test_real_logs(folder, insource):
    """Fine-tuning files and recorded exchanges of sixteen providers, every line of them."""
    (folder / "mapping.toml").write_text(
        'name = "cassettes"\n[call]\nid = "id"\nmodel_asked = "model"\nrequest = "request"\n'
        'response = "response"\noutput = "output"\nstatus = "status"\nstreamed = "stream"\n'
        '[tags]\nhost = "host"\n'
    )
    finetune = [str(path) for path in sorted(REAL.glob("*finetune*.jsonl"))]
    cassettes = [str(path) for path in sorted(REAL.glob("*cassettes.jsonl"))]
    lines = {path: len(Path(path).read_bytes().splitlines()) for path in (*finetune, *cassettes)}
    assert len(lines) == 4
    first = insource("logs", "import", "auto", *finetune, "--json")
    second = insource("logs", "import", "mapped", *cassettes, "--mapping", "mapping.toml", "--json")
    for told in json.loads(first.stdout) + json.loads(second.stdout):
        assert (told["new"], told["rejected"]) == (lines[told["file"]], 0)
    again = insource("logs", "import", "auto", *finetune, "--json")
    assert [told["new"] for told in json.loads(again.stdout)] == [0] * len(finetune)
    calls = stored(folder)
    assert len(calls) == sum(lines.values())
    for call in calls:
        if call.source == "import:openai-finetune":
            assert call.response_text == call.raw["messages"][-1]["content"]
        else:
            assert call.response_text == call.raw["output"]
            reported = call.raw["response"].get("usage") or {}
            if call.outcome == "ok" and "prompt_tokens" in reported:
                read = reported["prompt_tokens"]
                written = reported.get("completion_tokens", 0)
                thought = reported.get("total_tokens", 0) - read  # some count reasoning in the total alone
                assert call.usage.input_tokens == read
                assert call.usage.output_tokens == max(written, thought)
