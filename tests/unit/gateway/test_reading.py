import gzip
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.gateway.reading import AnswerReader, read_usage
from insource.types import Usage

EVENTS = (
    'data: {"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
    ": comment\n\n"
    'data: {"choices":[{"index":1,"delta":{"content":"other choice"}}]}\n\n'
    'data: {"choices":[{"index":0,"delta":{"content":"4ü0"}}]}\r\n\r\n'
    'data:{"choices":[{"index":0,"delta":{"content":" V"},"finish_reason":"stop"}]}\n\n'
    'data: {"choices":[],"usage":{"prompt_tokens":4,"completion_tokens":2}}\n\n'
    "data: [DONE]\n\n"
).encode()


@given(st.lists(st.integers(0, len(EVENTS)), max_size=8), st.booleans())
def test_a_stream_reads_the_same_however_it_is_cut(cuts, compressed):
    data = gzip.compress(EVENTS) if compressed else EVENTS
    reader = AnswerReader(streamed=True, encoding="gzip" if compressed else "")
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    new = "".join(reader.feed(data[a:b]) for a, b in pairwise(edges))
    reader.close()
    assert reader.text == new == "4ü0 V"
    assert (reader.model, reader.finish_reason, reader.done) == ("m", "stop", True)
    assert reader.usage == Usage(input_tokens=4, output_tokens=2)


def test_a_document_is_read_at_its_end():
    reader = AnswerReader(streamed=False)
    document = {"model": "m", "choices": [{"message": {"content": "x"}, "finish_reason": "length"}]}
    assert reader.feed(json.dumps(document).encode()) == ""
    reader.close()
    assert (reader.text, reader.finish_reason) == ("x", "length")


@given(st.binary(max_size=200), st.sampled_from(["", "gzip", "deflate", "br"]), st.booleans())
def test_whatever_comes_is_passed_over_without_an_error(data, encoding, streamed):
    reader = AnswerReader(streamed=streamed, encoding=encoding)
    reader.feed(b"data: " + data + b"\n")
    reader.feed(data)
    reader.close()


@pytest.mark.parametrize(
    "odd",
    [
        {"choices": 3},
        {"choices": [3, {"delta": "x", "finish_reason": []}, {"message": {"content": [1]}}]},
        {"usage": []},
        {"usage": {"prompt_tokens": "4", "prompt_tokens_details": None}},
        {"error": "overloaded", "model": 4},
        [],
    ],
)
def test_odd_documents_are_passed_over(odd):
    reader = AnswerReader(streamed=False)
    reader.feed(json.dumps(odd).encode())
    reader.close()
    assert (reader.text, reader.finish_reason, reader.usage) == ("", "unknown", Usage())


def test_all_counts():
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 8,
        "prompt_tokens_details": {"cached_tokens": 7},
        "completion_tokens_details": {"reasoning_tokens": 6},
    }
    assert read_usage(usage) == Usage(input_tokens=9, cached_tokens=7, output_tokens=8, reasoning_tokens=6)
