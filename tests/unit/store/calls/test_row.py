"""A spooled call becomes the row its ``Call`` would have, on the fast way and on the slow one."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.store.calls.row import (
    COLUMNS,
    SpooledCall,
    UnusableRecords,
    call_of_row,
    row_of_call,
    row_of_records,
)
from insource.store.calls.table import CALLS
from insource.types import Call, Route, Usage

BEGIN = {
    "kind": "begin",
    "call_id": "c1",
    "started_at": 1_795_000_000_123_456,
    "model_asked": "m",
    "task": "specs",
    "request": {"messages": [{"role": "user", "content": "Zürich 480 V"}]},
    "tags": {"row_id": "7"},
}
END = {
    "kind": "end",
    "call_id": "c1",
    "response_text": 'said "so"',
    "response": {"id": "x", "n": 1.5},
    "outcome": "ok",
    "usage": {"input_tokens": 3, "output_tokens": 4},
    "cost_usd": "0.000123456",
    "route": {"to": "cloud", "model": "m", "reason": "low-confidence", "confidence": 0.25},
    "latency_s": 0.5,
}


def call(begin=BEGIN, end=END, dumps=json.dumps):
    row = row_of_records(dumps(begin).encode(), dumps(end).encode())
    fields = dict(zip(COLUMNS, row, strict=True))
    return call_of_row(fields | {"payload": json.loads(fields["payload"])})


def test_the_typed_reader_knows_every_field_of_a_call():
    assert set(SpooledCall.__struct_fields__) == set(Call.model_fields)
    assert tuple(column.name for column in CALLS.columns) == COLUMNS


def test_a_call_is_put_together_from_its_two_records():
    found = call()
    assert found.started_at == datetime.fromtimestamp(1_795_000_000, UTC).replace(microsecond=123_456)
    assert (found.task, found.tags, found.request) == ("specs", {"row_id": "7"}, BEGIN["request"])
    assert (found.response_text, found.response) == ('said "so"', {"id": "x", "n": 1.5})
    assert found.usage == Usage(input_tokens=3, output_tokens=4)
    assert found.cost_usd == Decimal("0.000123456")
    assert found.route == Route(to="cloud", model="m", reason="low-confidence", confidence=0.25)


def test_what_the_end_says_goes_before_what_the_beginning_said():
    assert call(end=END | {"simulated": True, "task": "other"}).task == "other"


def test_a_field_of_a_newer_writer_costs_no_call():
    assert call(begin=BEGIN | {"invented_later": [1]}).call_id == "c1"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
documents = st.dictionaries(st.text(), json_values, max_size=4)


@given(
    request=documents,
    response=st.none() | documents,
    text=st.text(),
    tags=st.dictionaries(st.text(), st.text()),
)
def test_both_ways_lead_to_the_same_call(request, response, text, tags):
    begin, end = (
        BEGIN | {"request": request, "tags": tags},
        END | {"response": response, "response_text": text},
    )
    fast = call(begin, end, dumps=lambda value: msgspec.json.encode(value).decode("utf-8", "surrogatepass"))
    made = call(begin, end)
    assert fast == made
    row = dict(zip(COLUMNS, row_of_call(made), strict=True))
    assert call_of_row(row | {"payload": json.loads(row["payload"])}) == made


@pytest.mark.parametrize(
    ("odd", "kept"),
    [
        (float("nan"), None),
        (float("inf"), None),
        ("half a pair \ud800", "half a pair \ud800"),
        (10**400, 10**400),
    ],
)
def test_what_strict_json_refuses_costs_no_call(odd, kept):
    found = call(begin=BEGIN | {"request": {"odd": odd}}, end=END | {"response_text": "kept"})
    assert found.request == {"odd": kept}
    assert found.response_text == "kept"


def test_half_a_surrogate_pair_in_a_column_becomes_a_question_mark():
    assert call(begin=BEGIN | {"task": "a\ud800"}).task == "a?"


@pytest.mark.parametrize(
    "wrong",
    [
        {"started_at": "yesterday"},
        {"started_at": 10**30},
        {"outcome": "fine"},
        {"request": ["no", "object"]},
        {"response": "text"},
        {"response_text": 5},
        {"cost_usd": "NaN"},
        {"cost_usd": "1e40"},
        {"status": 2**80},
        {"usage": {"input_tokens": -1}},
        {"tags": {"a": {}}},
        {"model_asked": None},
    ],
)
def test_what_no_column_can_hold_is_no_call(wrong):
    with pytest.raises(UnusableRecords):
        row_of_records(json.dumps(BEGIN).encode(), json.dumps(END | wrong).encode())


@pytest.mark.parametrize(
    "records", [(b"{}", b"{}"), (b"[]", b"[]"), (b'{"call_id":"c"}', json.dumps(END).encode())]
)
def test_a_lost_beginning_is_no_call(records):
    with pytest.raises(UnusableRecords):
        row_of_records(*records)
