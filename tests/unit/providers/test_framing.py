"""What the first bytes of an answer say, and how much of an unreadable body is kept."""

import time

import pytest

from insource.providers import open_reader
from insource.providers.framing import KEPT_BYTES, framing_of, start_of

MARK = b"\xef\xbb\xbf"
EVENTS = (
    b'data: {"choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)


@pytest.mark.parametrize(
    "page",
    [
        b'<img src="' + b"A" * 60_000 + b'">' + b"x" * 10_000,
        b"A" * 100_000,
        (b"a" * 20_000 + b'"') * 4,
        b" " * 100_000,
    ],
    ids=["picture", "one word", "long words", "blank"],
)
def test_the_start_of_a_body_takes_linear_time(page):
    began = time.perf_counter()
    kept = start_of(page)
    assert time.perf_counter() - began < 1
    assert len(kept) <= KEPT_BYTES
    assert page.decode().startswith(kept)


def test_only_the_word_that_goes_on_is_left_out():
    assert start_of(b"a secret-that-goes-on") == "a secret-that-goes-on"
    body = b"x " * (KEPT_BYTES // 2 - 4) + b'="secret-that-goes-on'
    assert start_of(body).endswith(' x ="')
    assert start_of(b"w" * KEPT_BYTES) == ""


@pytest.mark.parametrize("before", [b"", MARK, b"\n", MARK + b"\r\n ", b": wait\n\n"])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize("streamed", [True, False])
def test_events_are_events_wherever_they_are_cut(before, size, streamed):
    data = before + EVENTS
    reader = open_reader("chat", streamed=streamed)
    for at in range(0, len(data), size):
        reader.feed(data[at : at + size])
    assert (reader.complete, reader.text, reader.unread) == (True, "Hello", "")


def test_blank_space_after_a_mark_is_not_collected():
    reader = open_reader("chat", streamed=True)
    began = time.perf_counter()
    reader.feed(MARK)
    for _ in range(2000):
        reader.feed(b"\n" * 10_000)
    reader.feed(EVENTS)
    assert reader.text == "Hello"
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize("declared", ["events", "document"])
def test_the_declared_framing_counts_only_when_the_bytes_say_nothing(declared):
    assert framing_of(b'{"a":1}', declared) == framing_of(MARK + b" [", declared) == "document"
    assert framing_of(b"data: x", declared) == framing_of(b": x", declared) == "events"
    assert framing_of(b"<html>", declared) == declared
    undecided = [b"", b"\xef", MARK[:2], MARK, b" \n", b"dat", b"event"]
    assert [framing_of(start, declared) for start in undecided] == [None] * len(undecided)
