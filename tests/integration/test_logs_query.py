"""The log as its readers see it: pages, groups, feedback, exports."""

import csv
import io
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from insource.foundation.errors import UserError
from insource.logs.export import export_lines
from insource.logs.query import Log
from insource.logs.recorder import Recorder
from insource.store.calls.calls import insert_calls
from insource.store.calls.paging import iterate_calls
from insource.store.calls.selection import Selection
from insource.store.calls.table import CALLS
from insource.types import Call, Usage

START = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
KEY = "sk-proj-" + "aB3dE5gH7jK9mN1pQ3sT"


def call(number, **fields):
    defaults = {
        "call_id": f"call-{number:04}",
        "started_at": START + timedelta(seconds=number // 3),  # several calls a second
        "task": "specs",
        "model_asked": "cloud/big",
        "request": {"messages": [{"role": "user", "content": f"document {number}"}]},
        "response_text": f"answer {number}",
    }
    return Call(**defaults | fields)


@pytest.fixture
def log(tmp_path):
    (tmp_path / "spool").mkdir()
    with Log(tmp_path) as opened:
        yield opened


def insert(log, *calls):
    with log.database.write() as connection:
        insert_calls(connection, calls)


def ids(calls):
    return [one.call_id for one in calls]


def test_where_nothing_was_recorded_no_log_is_made(tmp_path):
    with pytest.raises(UserError) as caught:
        Log(tmp_path / ".insource")
    assert caught.value.code == "no-log"
    assert list(tmp_path.iterdir()) == []


def test_calls_left_in_the_spool_are_there_after_a_drain(tmp_path):
    with Recorder.open(tmp_path) as recorder:
        recording = recorder.begin({"n": 1}, model_asked="m")
        recording.end(response_text="x")
        with Log(tmp_path) as log:
            assert log.get(recording.call_id) is None
            assert log.drain().stored == 1
            assert log.get(recording.call_id).response_text == "x"


@pytest.mark.parametrize("page", [1, 2, 7, 200])
def test_pages_of_any_size_give_every_call_once_in_one_order(log, page):
    insert(log, *(call(number) for number in range(50)))
    found = ids(iterate_calls(log.database, Selection(), page=page))
    assert found == [f"call-{number:04}" for number in range(50)]
    assert ids(iterate_calls(log.database, Selection(), newest_first=True, page=page)) == found[::-1]


def test_what_comes_while_reading_disturbs_no_page(log):
    insert(log, *(call(number) for number in range(10)))
    reading = iterate_calls(log.database, Selection(), page=3)
    first = [next(reading) for _ in range(4)]
    insert(log, call(100), call(1000, started_at=START - timedelta(days=1)))
    assert ids(first) + ids(reading) == [*(f"call-{number:04}" for number in range(10)), "call-0100"]


def test_every_condition_counts(log):
    insert(
        log,
        call(1, feature="import", user="u1", provider="p", source="gateway", model_answered="big-2"),
        call(2, outcome="error", task="other"),
        call(3, response_text="Zürich \U0001f600"),
    )
    conditions = {
        "task": "specs",
        "feature": "import",
        "user": "u1",
        "provider": "p",
        "source": "gateway",
        "model": "big-2",
        "outcome": "ok",
        "until": START + timedelta(seconds=1),
        "call_ids": ("call-0001", "call-0002"),
    }
    assert ids(log.calls(**conditions)) == ["call-0001"]
    for name in conditions:
        others = conditions | {name: START if name == "until" else ("x",) if name == "call_ids" else "x"}
        if name == "outcome":
            others["outcome"] = "error"
        assert ids(log.calls(**others)) == [], name
    assert ids(log.calls(since=START + timedelta(seconds=1))) == ["call-0003"]
    assert ids(log.calls(text="zÜRICH")) == ["call-0003"]
    assert ids(log.calls(text="DOCUMENT 2")) == ["call-0002"]
    assert ids(log.calls(newest_first=True, limit=2)) == ["call-0003", "call-0002"]


def test_a_user_s_calls_are_found_by_their_index(log):
    with log.database.read() as connection:
        query = select(CALLS.c.call_id).where(*Selection(user="u").conditions())
        compiled = query.order_by(CALLS.c.started_at.desc()).compile(connection)
        values = tuple(compiled.params[name] for name in compiled.positiontup)
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", values).all()
    assert "calls_by_user" in str(plan)


def test_consumption_keeps_apart_what_is_not_the_same(log):
    dear = {"cost_usd": Decimal("1.5"), "usage": Usage(input_tokens=100, output_tokens=20), "latency_s": 2.0}
    insert(
        log,
        *(call(number, **dear) for number in range(4)),
        call(4),
        call(5, simulated=True, **dear),
        call(6, task="other", outcome="error", cost_usd=Decimal(0)),
        call(7, task="other", outcome="interrupted", cost_usd=Decimal(0)),
    )
    specs, other, simulated = log.stats("task")
    assert (specs.group, specs.calls, specs.cost_usd, specs.unpriced) == ({"task": "specs"}, 5, Decimal(6), 1)
    assert (specs.input_tokens, specs.output_tokens, specs.uncounted) == (400, 80, 1)
    assert specs.p50_s == pytest.approx(2.0, rel=0.01)
    assert (other.errors, other.interrupted, other.error_rate, other.cost_usd) == (1, 1, 1.0, Decimal(0))
    assert (simulated.simulated, simulated.calls) == (True, 1)
    assert [line.cost_usd for line in log.stats("user", task="specs", until=START)] == []
    [unknown] = log.stats(call_ids=("call-0004",))
    assert (unknown.cost_usd, unknown.unpriced, unknown.p50_s) == (None, 1, None)


def test_days_are_those_of_utc_and_in_their_order(log):
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    insert(
        log,
        call(1, started_at=midnight),
        call(2, started_at=midnight - timedelta(microseconds=1), cost_usd=Decimal(9)),
        call(3, started_at=datetime(1969, 12, 31, 23, tzinfo=UTC)),
    )
    assert [line.group["day"] for line in log.stats("day")] == ["1969-12-31", "2026-11-20", "2026-11-21"]


def test_feedback_stands_beside_the_answer_and_is_redacted(log):
    insert(log, call(1), call(2))
    log.rate("call-0001", "down", who="mia")
    given = log.correct("call-0001", f"the key is {KEY}")
    assert given.value == "the key is [secret:openai-key]"
    assert [(one.kind, one.who) for one in log.feedback("call-0001", "call-0002")["call-0001"]] == [
        ("rating", "mia"),
        ("correction", ""),
    ]
    assert log.get("call-0001").response_text == "answer 1"
    with pytest.raises(UserError) as caught:
        log.rate("call-9999", "up")
    assert caught.value.code == "call-not-found"


def export(log, format):
    skipped = Counter()
    lines = list(export_lines(log, log.calls(), format, skipped))
    return lines, dict(skipped)


def test_json_lines_lose_nothing_and_are_plain_ascii(log):
    odd = call(2, response_text="\x1b[2J \u202e Zürich", raw={"as": ["found", None]}, tags={"a": "b"})
    insert(log, call(1), odd)
    log.correct("call-0002", "right")
    lines, skipped = export(log, "jsonl")
    documents = [json.loads(line) for line in lines]
    assert documents[1].pop("feedback")[0]["value"] == "right"
    assert documents[0].pop("feedback") == []
    assert [Call.model_validate(document) for document in documents] == [call(1), odd]
    assert all(line.isascii() and line.isprintable() for line in (line.rstrip("\n") for line in lines))
    assert skipped == {}


def test_csv_is_a_table_in_which_nothing_calculates(log):
    insert(
        log, call(1, response_text='=HYPERLINK("http://x")'), call(2, response_text="two\nlines, and a comma")
    )
    log.rate("call-0002", "up")
    rows = list(csv.DictReader(io.StringIO("".join(export(log, "csv")[0]))))
    assert [row["response_text"] for row in rows] == ['\'=HYPERLINK("http://x")', "two\nlines, and a comma"]
    assert [row["rating"] for row in rows] == ["", "up"]
    assert rows[0]["started_at"] == "2026-11-20T09:30:00Z"


def test_fine_tune_data_prefer_the_correction_and_say_what_is_left_out(log):
    tool_call = {"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [tool_call]}
    insert(
        log,
        call(1),
        call(2),
        call(3),
        call(4, outcome="error"),
        call(5, request={"input": "x"}),
        call(6, response_text=""),
        call(7, response={"choices": [{"message": message}]}, response_text=""),
    )
    log.correct("call-0002", "corrected")
    log.rate("call-0003", "down")
    lines, skipped = export(log, "openai-chat")
    answers = [json.loads(line)["messages"][-1] for line in lines]
    assert answers == [
        {"role": "assistant", "content": "answer 1"},
        {"role": "assistant", "content": "corrected"},
        {"role": "assistant", "tool_calls": [tool_call]},
    ]
    assert skipped == {
        "rated down and not corrected": 1,
        "outcome error": 1,
        "no chat messages": 1,
        "no answer": 1,
    }
    assert len(lines) + sum(skipped.values()) == 7


@pytest.mark.parametrize("revision", ["0002", "0006"])
def test_a_store_of_an_earlier_version_gets_the_totals_of_this_one(tmp_path, revision):
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine

    engine = create_engine(f"sqlite:///{tmp_path}/insource.db")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", "insource.store:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.exec_driver_sql(
            "INSERT INTO calls (call_id, started_at, task, model, model_asked, model_answered, outcome,"
            " finish_reason, simulated, cost_nano_usd, latency_s, usage_estimated, payload)"
            " VALUES ('old', 0, 't', 'm-1', 'm', 'm-1', 'ok', 'stop', 0, 5, 1.5, 1, '{\"request\": {}}')"
        )
    engine.dispose()
    with Log(tmp_path) as log:
        [line] = log.stats(by=["day", "task"])
        assert (line.group, line.calls, line.cost_usd) == (
            {"day": "1970-01-01", "task": "t"},
            1,
            Decimal("5E-9"),
        )
        assert line.p50_s == pytest.approx(1.5, rel=0.01)
        assert line.estimated == 1
        assert [(call.call_id, call.unpriced_because) for call in log.calls(model="m")] == [("old", "")]
