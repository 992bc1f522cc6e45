"""Calls of the log as rows: whose answer it is, what is left out, what is never taken for real."""

from datetime import UTC, datetime, timedelta

import pytest

from insource.config.dataset import CallsSection
from insource.dataset.rows.source import LEFT_OUT
from insource.dataset.sources.calls import LoggedCalls
from insource.foundation.errors import DataError, UserError
from insource.logs.query import Log
from insource.store.calls.calls import insert_calls
from insource.types import TOKEN_LIMIT, Call, Dropped, Row, Usage

START = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


@pytest.fixture
def log(tmp_path):
    (tmp_path / "spool").mkdir()
    with Log(tmp_path) as opened:
        yield opened


def put(log, *calls):
    made = []
    for number, fields in enumerate(calls):
        defaults = {
            "call_id": f"c{number}",
            "started_at": START + timedelta(hours=number),
            "task": "tickets",
            "prompt_version": "v1",
            "provider": "openai",
            "endpoint": "chat",
            "model_asked": "small",
            "model_answered": "small-2026",
            "request": {
                "messages": [
                    {"role": "system", "content": "Route it."},
                    {"role": "user", "content": f"doc {number}"},
                ]
            },
            "response_text": f"answer {number}",
            "finish_reason": "stop",
        }
        made.append(Call(**defaults | fields))
    with log.database.write() as connection:
        insert_calls(connection, made)


def read(log, conversations="drop", task="tickets", **chosen):
    source = LoggedCalls(log.root, CallsSection(**chosen), task=task, conversations=conversations)
    items = list(source)
    rows = {item.row_id: item for item in items if isinstance(item, Row)}
    drops = {item.row_id: item.reason for item in items if isinstance(item, Dropped)}
    assert set(drops.values()) <= LEFT_OUT
    return rows, drops, source.notes


def user(*contents):
    return {"messages": [{"role": "user", "content": content} for content in contents]}


def test_an_answer_is_the_teachers_for_ever_and_a_correction_beats_it(log):
    put(log, {"user": "u1"}, {"finish_reason": "length"}, {})
    log.correct("c1", "wrong still")
    log.correct("c1", "right")
    log.correct("c2", "answer 2")
    rows, drops, notes = read(log)
    assert drops == {}
    assert notes == ()
    first, second, third = rows["c0"], rows["c1"], rows["c2"]
    assert (first.input, first.output, first.prompt, first.group) == ("doc 0", "answer 0", "Route it.", "u1")
    assert first.time == "2026-11-20T09:30:00Z"
    given = first.provenance
    assert (given.source, given.label, given.human_edited) == ("log", "teacher", False)
    assert (given.provider, given.model, given.date) == ("openai", "small-2026", "2026-11-20T09:30:00Z")
    assert (given.prompt_version, given.finish_reason) == ("v1", "stop")
    assert second.output == "right"
    assert (second.provenance.label, second.provenance.human_edited) == ("checked", True)
    assert second.provenance.finish_reason == "length"
    assert (third.provenance.label, third.provenance.human_edited) == ("checked", False)


def test_the_reasoning_of_a_model_is_no_part_of_its_label(log):
    put(
        log,
        {"response_text": '<think>maybe {"total": 1}</think>\n{"total": 2}'},
        {"response_text": "<think>it was cut while it"},
    )
    rows, drops, _ = read(log)
    assert rows["c0"].output == '{"total": 2}'
    assert rows["c0"].provenance.human_edited is False
    assert drops == {"c1": "no-answer"}


@pytest.mark.parametrize(
    ("limit", "finish", "written", "reason"),
    [
        ({"max_tokens": 40}, "stop", 40, TOKEN_LIMIT),
        ({"max_completion_tokens": 40}, "unknown", 41, TOKEN_LIMIT),
        ({"generationConfig": {"maxOutputTokens": 40}}, "stop", 40, TOKEN_LIMIT),
        ({"max_tokens": 40}, "stop", 39, "stop"),
        ({"max_tokens": 40}, "length", 40, "length"),
        ({"max_tokens": "many"}, "stop", 40, "stop"),
        ({}, "stop", 40, "stop"),
    ],
)
def test_an_answer_that_used_every_token_allowed_is_marked(log, limit, finish, written, reason):
    usage = Usage(output_tokens=written)
    put(log, {"request": user("doc") | limit, "finish_reason": finish, "usage": usage})
    rows, _, _ = read(log)
    assert rows["c0"].provenance.finish_reason == reason


def test_what_has_no_usable_answer_is_left_out_with_its_reason(log):
    tool = {"choices": [{"message": {"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}}]}
    put(
        log,
        {"outcome": "error", "error": "HTTP 500", "response_text": ""},
        {"outcome": "interrupted", "response_text": "half an"},
        {"response_text": "", "finish_reason": "content_filter"},
        {"response_text": "", "response": tool},
        {"simulated": True},
        {"endpoint": "embeddings", "request": {"input": "text"}},
        {"request": {"redaction": "metadata-only"}},
        {"request": user([{"type": "image_url", "image_url": {"url": "x"}}])},
        {},
        {"outcome": "error", "response_text": ""},
    )
    log.rate("c8", "up")
    log.rate("c8", "down")
    log.correct("c9", "by hand")
    log.correct("c4", "a correction makes no simulated call real")
    rows, drops, _ = read(log)
    assert drops == {
        "c0": "call-failed",
        "c1": "interrupted",
        "c2": "no-answer",
        "c3": "tool-calls",
        "c4": "simulated",
        "c5": "not-generation",
        "c6": "no-input",
        "c7": "not-text",
        "c8": "rated-down",
    }
    assert {row_id: row.output for row_id, row in rows.items()} == {"c9": "by hand"}


def test_conditions(log):
    put(
        log,
        {},
        {"prompt_version": "v2"},
        {"model_answered": "large"},
        {"task": "other"},
        {"outcome": "error", "response_text": ""},
        {"provider": "anthropic"},
    )
    everything = {"c0", "c1", "c2", "c5"}
    assert set(read(log)[0]) == everything
    assert set(read(log, prompt_version="v2")[0]) == {"c1"}
    assert set(read(log, model="large")[0]) == {"c2"}
    assert set(read(log, provider="anthropic")[0]) == {"c5"}
    assert set(read(log, task="other")[0]) == {"c3"}
    assert read(log, outcome="ok")[1] == {}
    assert set(read(log, since="2026-11-20T10:30:00", until=datetime(2026, 11, 20, 12, tzinfo=UTC))[0]) == {
        "c1",
        "c2",
    }
    several = LoggedCalls(log.root, CallsSection(task="*"), task="tickets")
    assert len(list(several)) == 6


def test_feedback_as_a_condition_counts_what_it_leaves_out(log):
    put(log, {}, {}, {}, {})
    log.correct("c0", "x")
    log.rate("c1", "up")
    log.rate("c2", "down")
    rows, drops, notes = read(log, feedback=["corrected", "up"])
    assert set(rows) == {"c0", "c1"}
    assert drops == {}
    assert notes == ("Left out by `[dataset.calls] feedback`: down (1 call), none (1 call).",)


@pytest.mark.parametrize(
    "turns",
    [
        {
            "messages": [
                {"role": "user", "content": "a"},
                {"role": "assistant", "content": "b"},
                {"role": "user", "content": "c"},
            ]
        },
        {
            "system": "S",
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "a"}]},
                {"role": "assistant", "content": "b"},
                {"role": "user", "content": "c"},
            ],
        },
        {
            "contents": [
                {"role": "user", "parts": [{"text": "a"}]},
                {"role": "model", "parts": [{"text": "b"}]},
                {"role": "user", "parts": [{"text": "c"}]},
            ]
        },
        {
            "input": [
                {"role": "user", "content": "a"},
                {"role": "assistant", "content": "b"},
                {"role": "user", "content": "c"},
            ]
        },
    ],
    ids=["chat", "messages", "gemini", "responses"],
)
def test_earlier_turns_are_said_and_treated_as_configured(log, turns):
    put(log, {"request": turns})
    assert read(log)[1] == {"c0": "conversation"}
    assert read(log, "last")[0]["c0"].input == "c"
    assert read(log, "render")[0]["c0"].input == "User: a\n\nAssistant: b\n\nUser: c"


def test_messages_of_the_user_in_a_row_are_one_document(log):
    put(log, {"request": user("the rules", "the document")}, {"request": {"prompt": "complete this"}})
    rows, _, _ = read(log)
    assert rows["c0"].input == "the rules\nthe document"
    assert rows["c1"].input == "complete this"


def test_an_answer_that_was_begun_for_the_model_is_no_document(log):
    put(
        log,
        {"request": {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "{"}]}},
    )
    assert read(log, "render")[1] == {"c0": "conversation"}


def test_groups(log):
    request = user("doc") | {"conversation": {"id": "thread-7"}}
    put(log, {"user": "u", "tags": {"customer": "acme"}, "request": request}, {})
    assert [row.group for row in read(log)[0].values()] == ["u", None]
    assert [row.group for row in read(log, group="customer")[0].values()] == ["acme", None]
    assert [row.group for row in read(log, group="conversation")[0].values()] == ["thread-7", None]


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"task": "mailz"}, "No call of the log has the task 'mailz'; the latest have tickets (2 calls)."),
        (
            {"prompt_version": "v9"},
            "has the prompt version 'v9'; the latest have v1 (1 call), v2 (1 call).",
        ),
        ({"model": "large"}, "has the model 'large'; the latest have small-2026 (2 calls)."),
        ({"provider": "azure"}, "has the provider 'azure'; the latest have none (2 calls)."),
        ({"feedback": ("up",)}, "`[dataset.calls] feedback` leaves out every call: none (2 calls)."),
        ({"since": START + timedelta(days=9)}, "meets all conditions of `[dataset.calls]`, dates included."),
    ],
)
def test_conditions_that_no_call_meets_are_named(log, chosen, said):
    put(log, {"provider": ""}, {"provider": "", "prompt_version": "v2"})
    with pytest.raises(DataError) as caught:
        read(log, **chosen)
    assert caught.value.code == "no-rows"
    assert said in caught.value.message


def test_a_group_that_no_call_has_is_said(log):
    put(log, {"tags": {"customer": "c1"}}, {"tags": {"customer": "c1"}})
    assert read(log, group="customer")[2] == ()
    assert read(log, group="custmer")[2] == (
        "No call says its `[dataset.calls] group`, custmer: every row is on its own.",
    )


def test_no_log_is_said(tmp_path):
    with pytest.raises(UserError) as error:
        list(LoggedCalls(tmp_path / "nowhere", CallsSection(), task="t"))
    assert error.value.code == "no-log"


def test_calls_come_page_by_page_in_order(log):
    put(log, *[{} for _ in range(450)])
    source = iter(LoggedCalls(log.root, CallsSection(), task="tickets"))
    assert [next(source).row_id for _ in range(450)] == [f"c{n}" for n in range(450)]
    with pytest.raises(StopIteration):
        next(source)
