"""`insource logs` shows what a call cost, what is estimated, what is unknown, and what was never charged."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from insource.logs.query import Log
from insource.logs.recorder import Recorder
from insource.store.calls.calls import insert_calls
from insource.types import Call, Usage

START = datetime(2026, 11, 20, tzinfo=UTC)
TOKENS = Usage(input_tokens=1000, output_tokens=100)
DATED = "gpt-4o-mini-2024-07-18"
REASON = "the table has no price for web searches"


def call(name, **fields):
    defaults = {"started_at": START, "task": "t", "model_asked": "gpt-4o-mini", "request": {}}
    return Call(call_id=name, **defaults | fields)


CALLS = (
    call("a1-known", model_answered=DATED, usage=TOKENS, cost_usd=Decimal("0.5"), priced_by="a table"),
    call("a2-guess", model_answered=DATED, usage=TOKENS, cost_usd=Decimal("0.25"), usage_estimated=True),
    call("a3-unknown", model_answered=DATED, usage=TOKENS, unpriced_because=REASON),
    call("b1-refused", outcome="error", status=429, error="slow down"),
)


@pytest.fixture
def log(tmp_path):
    with Recorder.open(tmp_path / ".insource"):
        pass
    with Log(tmp_path / ".insource") as opened:
        with opened.database.write() as connection:
            insert_calls(connection, CALLS)
        yield opened


def test_a_list_marks_estimates_and_charges_nothing_for_a_refusal(log, insource):
    done = insource("logs", "list")
    costs = {cells[1]: cells[5] for line in done.stdout.splitlines() if (cells := line.split("  "))}
    assert costs == {"a1-known": "$0.50", "a2-guess": "~$0.25", "a3-unknown": "unknown", "b1-refused": "-"}
    assert "~ estimated" in done.stderr
    assert "~" not in insource("logs", "list", "--outcome", "error").stderr
    found = {one["call_id"]: one for one in json.loads(insource("logs", "list", "--json").stdout)["calls"]}
    assert [found[name]["usage_estimated"] for name in ("a1-known", "a2-guess")] == [False, True]
    assert [found[name]["cost_usd"] for name in ("a3-unknown", "b1-refused")] == [None, None]
    assert found["a3-unknown"]["unpriced_because"] == REASON


def test_stats_join_the_names_of_a_model_and_count_what_is_unknown(log, insource):
    shown = insource("logs", "stats", "--by", "model").stdout
    [line] = [line for line in shown.splitlines() if DATED in line]
    assert line.split()[:10] == [DATED, "4", "25.0", "%", "~3,000", "~300", "~$0.75", "+", "1", "call"]
    assert "1 call in all" in shown.splitlines()[-1]
    [group] = json.loads(insource("logs", "stats", "--by", "model", "--json").stdout)["groups"]
    assert (group["calls"], group["errors"], group["unpriced"], group["estimated"]) == (4, 1, 1, 1)
    assert Decimal(group["cost_usd"]) == Decimal("0.75")
    by_asked = insource("logs", "stats", "--by", "model", "--model", "gpt-4o-mini").stdout
    assert by_asked.splitlines()[1] == shown.splitlines()[1]


def test_stats_of_refused_calls_show_no_dollars(log, insource):
    shown = insource("logs", "stats", "--outcome", "error").stdout
    assert "$" not in shown
    assert "100.0 %" in shown
    [group] = json.loads(insource("logs", "stats", "--outcome", "error", "--json").stdout)["groups"]
    assert (group["cost_usd"], group["unpriced"]) == (None, 0)


def test_a_table_says_what_is_estimated_and_why_a_cost_is_unknown(log, insource):
    table = io.StringIO(insource("logs", "export", "--format", "csv").stdout)
    rows = {row["call_id"]: row for row in csv.DictReader(table)}
    assert [rows[name]["usage_estimated"] for name in ("a1-known", "a2-guess")] == ["False", "True"]
    assert [rows[name]["cost_usd"] for name in ("a1-known", "a3-unknown", "b1-refused")] == ["0.5", "", ""]
    assert rows["a3-unknown"]["unpriced_because"] == REASON


def test_a_call_is_shown_by_the_beginning_of_its_id(log, insource, refuses):
    shown = insource("logs", "show", "b").stdout
    assert "b1-refused" in shown
    assert "$" not in shown
    assert f"unknown, {REASON}" in insource("logs", "show", "a3").stdout
    assert "~$0.25" in insource("logs", "show", "a2-guess").stdout
    said = refuses("logs", "show", "a", code="call-id-ambiguous")
    assert all(name in said for name in ("a1-known", "a2-guess", "a3-unknown"))
    assert "b1-refused" not in said
    refuses("logs", "show", "c", code="call-not-found")


def test_calls_since_a_moment_are_purged(log, insource):
    with log.database.write() as connection:
        insert_calls(connection, [call("new", started_at=START + timedelta(days=1))])
    done = insource("logs", "purge", "--since", "2026-11-20T12:00:00", "--yes")
    assert done.returncode == 0, done.stderr
    assert log.get("new") is None
    assert {one.call_id for one in log.calls()} == {one.call_id for one in CALLS}
