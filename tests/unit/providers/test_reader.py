import gzip
import json
import sys
import zlib
from itertools import pairwise

import brotli
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.provider_answers import (
    CHAT_DOCUMENT,
    CHAT_EVENTS,
    CHAT_STREAM,
    CHAT_TEXT,
    GEMINI_DOCUMENT,
    GEMINI_EVENTS,
    GEMINI_STREAM,
    GEMINI_TEXT,
    MESSAGES_DOCUMENT,
    MESSAGES_STREAM,
    MESSAGES_TEXT,
    RESPONSES_DOCUMENT,
    RESPONSES_EVENTS,
    RESPONSES_STREAM,
    RESPONSES_TEXT,
    TOOLS_MESSAGE,
    TOOLS_STREAM,
    events,
)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from insource.providers import ENDPOINTS, open_reader
from insource.types import Usage

CHAT_COUNTS = Usage(
    input_tokens=90,
    cached_tokens=64,
    output_tokens=12,
    reasoning_tokens=3,
    audio_input_tokens=5,
    audio_output_tokens=0,
)
MESSAGES_COUNTS = Usage(
    input_tokens=420, cached_tokens=300, cache_write_tokens=100, output_tokens=57, reasoning_tokens=9
)
RESPONSES_COUNTS = Usage(input_tokens=30, cached_tokens=10, output_tokens=20, reasoning_tokens=8)
GEMINI_COUNTS = Usage(
    input_tokens=40, cached_tokens=32, output_tokens=17, reasoning_tokens=11, audio_input_tokens=7
)
# endpoint, stream, document it comes to, text, finish reason, usage
ANSWERS = {
    "chat": (CHAT_STREAM, CHAT_DOCUMENT, CHAT_TEXT, "stop", CHAT_COUNTS),
    "messages": (MESSAGES_STREAM, MESSAGES_DOCUMENT, MESSAGES_TEXT, "tool_calls", MESSAGES_COUNTS),
    "responses": (RESPONSES_STREAM, RESPONSES_DOCUMENT, RESPONSES_TEXT, "tool_calls", RESPONSES_COUNTS),
    "generate_content": (GEMINI_STREAM, GEMINI_DOCUMENT, GEMINI_TEXT, "tool_calls", GEMINI_COUNTS),
}
PACKED = {
    "": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "raw deflate": lambda data: zlib.compress(data, wbits=-15),
}


def read(endpoint, data, **options):
    reader = open_reader(endpoint, **options)
    reader.feed(data)
    reader.close()
    return reader


@pytest.mark.parametrize("endpoint", ANSWERS)
@example(cuts=[1], packing="raw deflate")
@given(cuts=st.lists(st.integers(0, 6000), max_size=12), packing=st.sampled_from(sorted(PACKED)))
def test_a_stream_reads_the_same_however_it_is_cut_and_packed(endpoint, cuts, packing):
    stream, document, text, finish, usage = ANSWERS[endpoint]
    data = PACKED[packing](stream)
    reader = open_reader(endpoint, streamed=True, encoding=packing.removeprefix("raw "))
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    new = "".join(reader.feed(data[a:b]) for a, b in pairwise(edges))
    reader.close()
    assert reader.text == new == text
    assert reader.response == document
    assert (reader.finish_reason, reader.usage, reader.complete) == (finish, usage, True)
    assert (reader.unread, reader.error) == ("", "")


@pytest.mark.parametrize("endpoint", ANSWERS)
@pytest.mark.parametrize("packing", PACKED)
def test_a_document_reads_as_the_stream_of_it(endpoint, packing):
    _, document, text, finish, usage = ANSWERS[endpoint]
    data = PACKED[packing](json.dumps(document).encode())
    reader = open_reader(endpoint, streamed=False, encoding=packing.removeprefix("raw "))
    assert [reader.feed(data[:50]), reader.feed(data[50:])] == ["", ""]
    assert not reader.complete
    reader.close()
    assert (reader.text, reader.response) == (text, document)
    assert (reader.finish_reason, reader.usage, reader.complete) == (finish, usage, True)


@pytest.mark.parametrize("endpoint", ANSWERS)
def test_a_failure_has_a_reason_whatever_came(endpoint):
    page = b"<html>\n<h1>502 Bad Gateway</h1>" + b" " * 1000 + b"</html>"
    assert read(endpoint, page, streamed=False).failure(502) == "HTTP 502: <html> <h1>502 Bad Gateway</h1>"
    assert read(endpoint, b"", streamed=False).failure(502) == "HTTP 502"
    assert read(endpoint, b'{"error":{"message":"busy"}}', streamed=False).failure(503) == "busy"


def test_tool_calls_are_put_together_by_their_index():
    reader = read("chat", TOOLS_STREAM, streamed=True)
    assert reader.response["choices"][0]["message"] == TOOLS_MESSAGE
    assert (reader.text, reader.finish_reason, reader.usage) == ("", "tool_calls", Usage())


@pytest.mark.parametrize(
    ("endpoint", "last"),
    [("chat", b"data: [DONE]"), ("messages", b'"message_stop"'), ("responses", b"completed")],
)
def test_the_end_mark_completes_a_stream_at_once_and_without_it_the_answer_is_not_complete(endpoint, last):
    stream = ANSWERS[endpoint][0]
    cut = stream.rindex(b"data:")
    reader = open_reader(endpoint, streamed=True)
    reader.feed(stream[:cut])
    assert not reader.complete
    reader.feed(stream[cut:])
    assert last in stream[cut:]
    assert reader.complete


def test_a_stream_without_end_mark_is_complete_when_every_choice_says_why_it_stopped():
    assert read("chat", events(*CHAT_EVENTS), streamed=True).complete
    assert not read("chat", events(*CHAT_EVENTS[:6]), streamed=True).complete  # the second choice goes on
    assert not read("generate_content", events(*GEMINI_EVENTS[:3]), streamed=True).complete


def test_a_response_that_breaks_off_is_put_together_from_what_came():
    reader = read("responses", events(*RESPONSES_EVENTS[:-3]), streamed=True)
    reasoning, message, call = reader.response["output"]
    assert reasoning["summary"] == [{"type": "summary_text", "text": "Volts."}]
    assert message == RESPONSES_DOCUMENT["output"][1]
    assert call["arguments"] == '{"city":'
    assert (reader.text, reader.complete, reader.model) == ("480 V", False, "gpt-5-mini-2025-08-07")


def test_a_tool_input_that_breaks_off_stays_text():
    reader = read("messages", MESSAGES_STREAM[: MESSAGES_STREAM.index(b"lm\\")], streamed=True)
    assert reader.response["content"][2]["input"] == '{"city": "U'


def test_a_gemini_stream_without_sse_is_one_list():
    reader = read("generate_content", json.dumps(GEMINI_EVENTS).encode(), streamed=False)
    assert (reader.text, reader.usage, reader.response) == (GEMINI_TEXT, GEMINI_COUNTS, GEMINI_DOCUMENT)


@pytest.mark.parametrize(
    "vector", [[0.5] * 12, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]
)
def test_embeddings_are_counted_not_kept(vector):
    document = {
        "object": "list",
        "model": "text-embedding-3-small",
        "data": [{"object": "embedding", "index": index, "embedding": vector} for index in range(3)],
        "usage": {"prompt_tokens": 7, "total_tokens": 7},
    }
    reader = read("embeddings", json.dumps(document).encode(), streamed=False)
    assert reader.response == document | {"data": {"count": 3, "dimensions": 12}}
    assert (reader.usage, reader.model) == (Usage(input_tokens=7, output_tokens=0), "text-embedding-3-small")


@pytest.mark.parametrize(
    "counted",
    [
        {"usage": {"total_tokens": 7}},  # Voyage
        {"usage": {"input_tokens": 7, "total_tokens": 7}},
        {"usageMetadata": {"promptTokenCount": 7}},
    ],
)
def test_embeddings_are_counted_in_other_spellings_too(counted):
    document = {"data": [{"embedding": [0.5]}], **counted}
    reader = read("embeddings", json.dumps(document).encode(), streamed=False)
    assert reader.usage == Usage(input_tokens=7, output_tokens=0)


def test_legacy_completions_have_their_text_in_the_choice():
    chunks = [
        {
            "object": "text_completion",
            "model": "m",
            "choices": [{"index": 0, "text": text, "finish_reason": end}],
        }
        for text, end in (("a b", None), (" c", None), ("", "length"))
    ]
    reader = read("completions", events(*chunks, done=True), streamed=True)
    assert (reader.text, reader.finish_reason) == ("a b c", "length")
    assert reader.response == {
        "object": "text_completion",
        "model": "m",
        "choices": [{"index": 0, "text": "a b c", "finish_reason": "length"}],
    }


def test_other_endpoints_keep_their_document_and_a_batch_is_not_counted_twice():
    batch = {"id": "batch_1", "object": "batch", "usage": {"input_tokens": 4, "output_tokens": 3}}
    reader = read("other", json.dumps(batch).encode(), streamed=False)
    assert (reader.response, reader.usage, reader.complete) == (batch, Usage(), True)


@pytest.mark.parametrize(
    ("body", "response", "unread"),
    [
        (b'{"a": 1}\n{"a": 2}\n', {"a": 2}, False),
        (b"[[0.5]]", None, False),
        (b"", None, False),
        (b'{"a": 1}\n{"a": ', {"unread": '{"a": 1}\n{"a": ', "bytes": 15}, True),
        (b"<html>", {"unread": "<html>", "bytes": 6}, True),
    ],
)
def test_other_endpoints_answer_in_many_ways(body, response, unread):
    reader = read("other", body, streamed=False)
    assert (reader.response, bool(reader.unread)) == (response, unread)


def test_a_transcript_is_text_with_tokens_of_sound():
    usage = {"type": "tokens", "input_tokens": 14, "output_tokens": 5, "total_tokens": 19}
    usage["input_token_details"] = {"text_tokens": 0, "audio_tokens": 14}
    reader = read("other", json.dumps({"text": "Hello.", "usage": usage}).encode(), streamed=False)
    assert reader.text == "Hello."
    assert reader.usage == Usage(input_tokens=14, output_tokens=5, audio_input_tokens=14)
    stream = [{"type": "transcript.text.delta", "delta": piece} for piece in ("Hel", "lo.")]
    done = {"type": "transcript.text.done", "text": "Hello.", "usage": usage}
    half, whole = (read("other", events(*said), streamed=True) for said in (stream, [*stream, done]))
    assert (half.text, whole.text, half.usage, whole.usage) == ("Hello.", "Hello.", Usage(), reader.usage)
    assert whole.complete
    by_time = {"text": "Hello.", "usage": {"type": "duration", "seconds": 3}}
    assert read("other", json.dumps(by_time).encode(), streamed=False).usage == Usage()


def test_files_in_an_answer_are_not_kept():
    picture, words = "iVBORw0KGgo" * 1000, "a b" * 1000
    usage = {"input_tokens": 9, "output_tokens": 272, "input_tokens_details": {"image_tokens": 4}}
    answer = {"data": [{"b64_json": picture, "revised_prompt": words}], "usage": usage}
    reader = read("other", json.dumps(answer).encode(), streamed=False)
    kept = {"b64_json": f"({len(picture)} characters)", "revised_prompt": words}
    assert (reader.response, reader.usage) == (
        {"data": [kept], "usage": usage},
        Usage(input_tokens=9, output_tokens=272),
    )


def test_of_sound_only_the_length_is_read():
    reader = open_reader("other", streamed=False, media="audio/mpeg")
    for _ in range(3):
        assert reader.feed(b"\xff\xf3" * 500) == ""
    reader.close()
    assert (reader.response, reader.complete) == ({"content_type": "audio/mpeg", "bytes": 3000}, True)
    assert (reader.text, reader.unread, reader.usage, reader.answered) == ("", "", Usage(), True)


@pytest.mark.parametrize(
    ("endpoint", "stream", "error"),
    [
        (
            "chat",
            events({"error": {"message": "overloaded", "type": "x", "param": None, "code": 1}}),
            "overloaded",
        ),
        ("messages", events({"type": "error", "error": {"type": "overloaded_error"}}), "overloaded_error"),
        ("responses", events({"type": "error", "code": "rate", "message": "slow down"}), "slow down"),
        (
            "responses",
            events({"type": "response.failed", "response": {"status": "failed", "error": {"message": "no"}}}),
            "no",
        ),
    ],
)
def test_an_error_within_a_stream_is_the_answers_error(endpoint, stream, error):
    assert read(endpoint, stream, streamed=True).error == error


def test_events_are_framed_as_the_standard_says():
    """Comments, lone carriage returns, data over several lines, no space after the colon."""
    stream = b': hi\r\rdata:{"choices": [{"index": 0,\rdata: "delta": {"content": "x"}}]}\r\r'
    for size in (1, 2, 3, len(stream)):
        reader = open_reader("chat", streamed=True)
        said = [reader.feed(stream[at : at + size]) for at in range(0, len(stream), size)]
        reader.close()
        assert reader.text == "x"
        assert "".join(said) in ("x", "")  # the very last carriage return may be half of a line end


def test_some_servers_repeat_names_and_report_usage_elsewhere():
    chunk = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "ha", "name": "bot"}}]}
    last = {"choices": [], "x_groq": {"usage": {"prompt_tokens": 2, "completion_tokens": 1}}}
    reader = read("chat", events(chunk, chunk, last), streamed=True)
    assert reader.response["choices"][0]["message"] == {"role": "assistant", "content": "haha", "name": "bot"}
    assert reader.usage == Usage(input_tokens=2, output_tokens=1)


def test_reasoning_that_only_the_total_counts_was_written_too():
    usage = {"prompt_tokens": 35, "completion_tokens": 12, "total_tokens": 109}
    reader = read("chat", json.dumps({"model": "grok-4", "usage": usage}).encode(), streamed=False)
    assert reader.usage == Usage(input_tokens=35, output_tokens=74)


@pytest.mark.parametrize("streamed", [True, False])
def test_what_is_read_has_a_bound_and_a_packed_bomb_too(streamed):
    bomb = gzip.compress(b" " * 50_000_000)
    reader = read("chat", bomb, streamed=streamed, encoding="gzip", max_bytes=1000)
    assert (reader.unread, reader.complete) == ("the answer is too long to be read", True)
    plain = read("chat", b" " * 1001, streamed=streamed, max_bytes=1000)
    assert plain.unread == reader.unread


@pytest.mark.parametrize(("encoding", "packer"), [("br", brotli), ("zstd", zstd)])
def test_other_packings_are_read_too(encoding, packer):
    data = packer.compress(CHAT_STREAM)
    reader = open_reader("chat", streamed=True, encoding=encoding)
    for at in range(len(data)):
        reader.feed(data[at : at + 1])
    reader.close()
    assert (reader.text, reader.response, reader.unread) == (CHAT_TEXT, CHAT_DOCUMENT, "")
    bomb = packer.compress(b" " * 50_000_000)
    too_long = read("chat", bomb, streamed=False, encoding=encoding, max_bytes=1_000_000)
    assert too_long.unread == "the answer is too long to be read"
    assert read("chat", b"\x01not packed", streamed=False, encoding=encoding).unread.startswith(
        "the answer could"
    )


def test_an_encoding_nobody_reads_here_is_said():
    reader = read("chat", b"\x01", streamed=False, encoding="compress")
    assert (reader.unread, reader.text) == ("the answer is compressed as compress", "")
    assert read("chat", b"\x01no gzip", streamed=False, encoding="gzip").unread.startswith(
        "the answer could not"
    )


@given(
    st.binary(max_size=200),
    st.sampled_from(["", "gzip", "deflate", "br", "compress"]),
    st.booleans(),
    st.sampled_from(ENDPOINTS),
)
def test_whatever_comes_is_passed_over_without_an_error(data, encoding, streamed, endpoint):
    reader = open_reader(endpoint, streamed=streamed, encoding=encoding)
    reader.feed(b"data: " + data + b"\n\n")
    reader.feed(data)
    reader.close()
    assert fields(reader)


NAMES = st.sampled_from(
    [
        "choices",
        "delta",
        "message",
        "content",
        "parts",
        "candidates",
        "index",
        "text",
        "type",
        "usage",
        "error",
        "output",
        "response",
        "item",
        "part",
        "output_index",
        "content_index",
        "content_block",
        "tool_calls",
        "annotations",
        "finish_reason",
        "usageMetadata",
        "model",
    ]
)
WORDS = st.sampled_from(
    [
        "text_delta",
        "content_block_delta",
        "message_delta",
        "message_start",
        "content_block_start",
        "citations_delta",
        "response.output_text.delta",
        "response.output_item.added",
        "response.content_part.added",
        "stop",
        "x",
        "response.output_text.annotation.added",
        "response.function_call_arguments.delta",
    ]
)
ODD = st.recursive(
    st.none() | st.integers(-2, 3) | st.booleans() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=30,
)


@given(st.lists(ODD, max_size=6), st.sampled_from(ENDPOINTS), st.booleans())
def test_odd_documents_are_passed_over(documents, endpoint, streamed):
    reader = open_reader(endpoint, streamed=streamed)
    for document in documents:
        reader.feed(
            b"data: " + json.dumps(document).encode() + b"\n\n" if streamed else json.dumps(document).encode()
        )
    reader.close()
    assert fields(reader)


def fields(reader):
    """Every field, read; none may raise."""
    return (
        reader.text,
        reader.response,
        reader.finish_reason,
        reader.usage,
        reader.model,
        reader.error,
        reader.complete,
        reader.unread,
    )
