"""However an answer is cut, labelled and packed, it is never a good call of nothing that cost something."""

import gzip
import json
from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.provider_answers import (
    CHAT_DOCUMENT,
    CHAT_STREAM,
    GEMINI_DOCUMENT,
    GEMINI_STREAM,
    MESSAGES_DOCUMENT,
    MESSAGES_STREAM,
    RESPONSES_DOCUMENT,
    RESPONSES_STREAM,
    TOOLS_STREAM,
)

from insource.config import OwnPrice
from insource.foundation.clock import SYSTEM
from insource.logs.wrapped_exchange import Sent, begin_exchange
from insource.providers import open_reader
from insource.providers.prices import PriceTable
from insource.providers.tags import Tags

ANSWERS = {
    "chat": [CHAT_STREAM, json.dumps(CHAT_DOCUMENT).encode(), TOOLS_STREAM],
    "messages": [MESSAGES_STREAM, json.dumps(MESSAGES_DOCUMENT).encode()],
    "responses": [RESPONSES_STREAM, json.dumps(RESPONSES_DOCUMENT).encode()],
    "generate_content": [GEMINI_STREAM, json.dumps(GEMINI_DOCUMENT).encode()],
}
PRICES = PriceTable({"m": OwnPrice(input="1", output="2")})
KINDS = st.sampled_from(["application/json", "text/event-stream", "text/plain", ""])


class Recording:
    """A recorder and its recording; keeps how the call ended."""

    model_asked = "m"

    def __init__(self):
        self.started_at = SYSTEM.now()
        self.ended = None

    def begin_call(self, start):
        return self

    def chunk(self, text):
        """Nothing is kept of a piece."""

    def end_call(self, end):
        self.ended = self.ended or end


def end_of(endpoint, data, kind, sizes=(1 << 20,), encoding=""):
    recording = Recording()
    log = SimpleNamespace(recorder=recording)
    sent = Sent("POST", "https://provider.test/v1", b'{"model": "m", "messages": [{"content": "How many?"}]}')
    exchange = begin_exchange(log, sent, endpoint, Tags(), PRICES)
    exchange.answered(200, kind, encoding)
    at = number = 0
    while at < len(data):
        size = sizes[number % len(sizes)]
        exchange.feed(data[at : at + size])
        at, number = at + size, number + 1
    exchange.finish()
    return recording.ended


@settings(max_examples=300, deadline=None)
@given(
    endpoint=st.sampled_from(sorted(ANSWERS)),
    share=st.floats(0, 1),
    kind=KINDS,
    sizes=st.lists(st.integers(1, 500), min_size=1, max_size=4),
    packed=st.booleans(),
    data=st.data(),
)
def test_a_cut_answer_is_no_good_call_of_nothing(endpoint, share, kind, sizes, packed, data):
    whole = data.draw(st.sampled_from(ANSWERS[endpoint]))
    cut = whole[: round(share * len(whole))]
    end = end_of(endpoint, gzip.compress(cut) if packed else cut, kind, sizes)
    is_no_good_call_of_nothing(end)
    if cut != whole and whole.startswith(b"{"):
        assert end.outcome == "unread"
        assert "not complete JSON" in end.error or "the answer is empty" in end.error


def is_no_good_call_of_nothing(end):
    nothing = not end.usage.output_tokens
    assert not (end.outcome == "ok" and nothing and end.cost_usd is not None), end
    if end.outcome == "unread":
        assert (end.cost_usd, end.priced_by, end.usage_estimated) == (None, "", False)
        assert end.usage.output_tokens is None
        assert end.error


@pytest.mark.parametrize("endpoint", ANSWERS)
def test_every_cut_of_a_stream(endpoint):
    """At every line: a stream may lose its end mark, its counts or its reason, but not turn into nothing."""
    for whole in ANSWERS[endpoint]:
        for at in range(0, len(whole), 7):
            is_no_good_call_of_nothing(end_of(endpoint, whole[:at], "text/event-stream"))
        assert end_of(endpoint, whole, "text/event-stream").outcome == "ok"


@given(endpoint=st.sampled_from(sorted(ANSWERS)), body=st.binary(max_size=60), kind=KINDS)
@example(endpoint="chat", body=b"{}", kind="")
@example(endpoint="messages", body=b"null", kind="")
def test_whatever_comes_is_no_good_call_of_nothing(endpoint, body, kind):
    is_no_good_call_of_nothing(end_of(endpoint, body, kind))


# Halves of characters

TEXTS = st.text(st.sampled_from("a \u00e9\u4e2d\U0001f600\U0001f680\n"), min_size=1, max_size=12)


def halves(text):
    """The text as JavaScript holds it: a character beyond the basic plane is two."""
    units = text.encode("utf-16-le")
    return [units[at : at + 2].decode("utf-16-le", "surrogatepass") for at in range(0, len(units), 2)]


def delta_of(endpoint, piece):
    if endpoint == "chat":
        return {"choices": [{"index": 0, "delta": {"content": piece}}]}
    if endpoint == "messages":
        delta = {"type": "text_delta", "text": piece}
        return {"type": "content_block_delta", "index": 0, "delta": delta}
    if endpoint == "responses":
        place = {"output_index": 0, "content_index": 0}
        return {"type": "response.output_text.delta", **place, "delta": piece}
    return {"candidates": [{"index": 0, "content": {"parts": [{"text": piece}]}}]}


def texts_in(value):
    if isinstance(value, str):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts_in(item)


@settings(max_examples=150, deadline=None)
@given(endpoint=st.sampled_from(sorted(ANSWERS)), text=TEXTS, sizes=st.lists(st.integers(1, 3), min_size=1))
def test_a_character_whose_halves_come_apart_is_put_together(endpoint, text, sizes):
    units, pieces = halves(text), []
    while units:
        size = sizes[len(pieces) % len(sizes)]
        pieces.append("".join(units[:size]))
        units = units[size:]
    reader = open_reader(endpoint, streamed=True)
    said = [
        reader.feed(b"data: " + json.dumps(delta_of(endpoint, piece)).encode() + b"\n\n") for piece in pieces
    ]
    reader.close()
    assert "".join(said) == text
    assert text in list(texts_in(reader.response))
    assert reader.text in (text, "")  # a response without its first event has no type yet


@given(endpoint=st.sampled_from(sorted(ANSWERS)), lone=st.sampled_from(["\ud83d", "\ude00", "\ude00\ud83d"]))
def test_half_a_character_takes_nothing_else_with_it(endpoint, lone):
    reader = open_reader(endpoint, streamed=True)
    for piece in ("Good ", lone, " day"):
        reader.feed(b"data: " + json.dumps(delta_of(endpoint, piece)).encode() + b"\n\n")
    reader.close()
    assert f"Good {'?' * len(lone)} day" in list(texts_in(reader.response))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("streamed", [True, False])
def test_numbers_beyond_json_take_nothing_with_them(number, streamed):
    choice = (
        b'{"index":0,"%s":{"content":"Hi"},"finish_reason":"stop","logprobs":{"content":[{"logprob":%s}]}}'
    )
    choice %= (b"delta" if streamed else b"message", number.encode())
    document = b'{"model":"m","choices":[%s],"usage":{"prompt_tokens":5,"completion_tokens":2}}' % choice
    end = end_of("chat", b"data: %s\n\n" % document if streamed else document, "")
    assert (end.outcome, end.response_text, end.finish_reason, end.cost_usd) == (
        *("ok", "Hi", "stop"),
        Decimal("0.000009"),
    )
    assert json.dumps(end.response, allow_nan=False)


def test_text_that_is_not_utf_8_takes_nothing_with_it():
    document = b'{"choices":[{"index":0,"message":{"content":"caf\xe9"},"finish_reason":"stop"}]}'
    assert end_of("chat", document, "").response_text == "caf\ufffd"
