"""Laws of imported answers: an answer comes back as it was said, whatever it looks like.

``answers`` draws JSON that looks like messages, responses and errors of providers; ``check_answer`` puts it
in the place of an answer in a format's sample. A format that is added to the registry is covered.
"""

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.import_samples import CHAT, LANGFUSE_RECORDS, SAMPLES, jsonl

from insource.formats.containers import records
from insource.logs.importers.absent import is_placeholder
from insource.logs.importers.mapped import TableMapping, mapped
from insource.logs.importers.protocol import Imported
from insource.logs.importers.registry import MODULES, importer
from insource.testing.importers import DOCUMENTS, MESSAGES, answers, check_answer, read

RECORDS = {
    name: [record for sample in SAMPLES[name] for _, record in records(io.BytesIO(sample))]
    for name in MODULES
}
ASKED = {"model": "small", "messages": CHAT}
TEXT = TableMapping(name="table", call={"input": "asked", "output": "said"})
RESPONSE = TableMapping(name="table", call={"input": "asked", "response": "said"})


@pytest.mark.parametrize("name", MODULES)
@settings(deadline=None)
@given(data=st.data(), answer=answers())
def test_an_answer_in_any_format_is_read_as_it_was_said(name, data, answer):
    check_answer(importer(name), data.draw(st.sampled_from(RECORDS[name])), answer)


values = st.recursive(
    st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner | st.none(), max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def near_misses(draw):
    """JSON that would be a message, had it not one key or item more, or that has a document inside."""
    value = draw(st.sampled_from(MESSAGES))(draw(values))
    document = draw(st.sampled_from(DOCUMENTS))(draw(values))
    more = {**value, "asset": "P-7"} if isinstance(value, dict) else [*value, "P-7"]
    return draw(st.sampled_from((more, {"asset": document}, [{"asset": document}])))


def call_of(made, record):
    [outcome] = read(made, jsonl(record))
    assert isinstance(outcome, Imported)
    return outcome.call


def langfuse(value):
    return importer("langfuse"), LANGFUSE_RECORDS[0] | {"output": value}


def langfuse_message(value):
    return importer("langfuse"), LANGFUSE_RECORDS[0] | {"output": {"role": "assistant", "content": value}}


def langfuse_texts(value):
    texts = {"input": json.dumps(CHAT), "output": json.dumps(value)}
    return importer("langfuse"), LANGFUSE_RECORDS[0] | texts


def exchange(value):
    return importer("exchanges"), {"request": ASKED, "response": value}


def exchange_with_its_status(value):
    return importer("exchanges"), {"request": ASKED, "response": value, "status": 200}


def mapped_output(value):
    return mapped(TEXT), {"asked": "Where is it?", "said": value}


def mapped_response(value):
    return mapped(RESPONSE), {"asked": "Where is it?", "said": value}


def ai_sdk_object(value):
    told = {"gen_ai.request.model": "m", "ai.prompt.messages": json.dumps(CHAT)}
    return importer("otel"), {"attributes": told | {"ai.response.object": json.dumps(value)}}


def completion_attribute(value):
    return importer("otel"), {
        "attributes": {"gen_ai.request.model": "m", "gen_ai.completion": json.dumps(value)}
    }


def choice_event(value):
    event = {"name": "gen_ai.choice", "attributes": {"content": json.dumps(value)}}
    return importer("otel"), {"attributes": {"gen_ai.request.model": "m"}, "events": [event]}


def part_of_a_message(value):
    messages = [{"role": "assistant", "parts": [{"type": "text", "content": value}]}]
    return importer("otel"), {
        "attributes": {"gen_ai.request.model": "m", "gen_ai.output.messages": json.dumps(messages)}
    }


PARSED = (
    choice_event,
    part_of_a_message,
    langfuse,
    langfuse_message,
    langfuse_texts,
    exchange,
    mapped_output,
    mapped_response,
    ai_sdk_object,
    completion_attribute,
)


@pytest.mark.parametrize("place", PARSED, ids=lambda place: place.__name__)
@settings(deadline=None)
@given(value=(values | near_misses()).filter(lambda value: value != "" and not is_placeholder(value)))
def test_an_answer_that_the_log_parsed_is_read_as_its_json(place, value):
    call = call_of(*place(value))
    assert call.outcome == "ok"
    if isinstance(value, str):
        assert call.response_text in (value, json.dumps(value))
    else:
        assert json.loads(call.response_text) == value


errors = st.builds(
    lambda error, more: {"error": error} | more,
    values | st.fixed_dictionaries({"message": values, "type": values}),
    st.sampled_from([{}, {"type": "error"}, {"status": 404, "code": 7}]),
)
STATED = [place for place in PARSED if place is not exchange]


@pytest.mark.parametrize("place", [*STATED, exchange_with_its_status], ids=lambda place: place.__name__)
@settings(deadline=None)
@given(value=errors)
def test_a_reported_error_is_an_answer_where_the_export_says_that_the_call_went_well(place, value):
    call = call_of(*place(value))
    assert (call.outcome, call.error) == ("ok", "")
    assert json.loads(call.response_text) == value


@pytest.mark.parametrize(
    "said",
    [
        "data: 3 candidates",
        "event: ping\ndata: candidates",
        "data: the response.\n\ndata: ok",
        'data: {"candidates": 3}',
        'data: {"message_start": 1}\n\ndata: [DONE]',
        "data: [1]\nid: text_completion",
    ],
)
@pytest.mark.parametrize("place", [exchange, mapped_response], ids=lambda place: place.__name__)
def test_a_text_in_lines_of_a_stream_without_its_events_is_the_answer(place, said):
    assert call_of(*place(said)).response_text == said
