"""What the gateway changes in a body is what it says, and nothing else, whatever the body."""

import json

from hypothesis import given
from hypothesis import strategies as st

from insource.gateway.call.tags import PREFIX, with_model, with_stream_usage, without_marks
from insource.gateway.call.usage_events import UsageStripper

TEXT = st.text(max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
OURS = st.dictionaries(
    st.sampled_from(["task", "user", "feature"]).map(lambda n: PREFIX + n), TEXT, max_size=3
)
THEIRS = st.dictionaries(TEXT.filter(lambda name: not name.startswith(PREFIX)), JSON, max_size=3)
LAYOUT = st.sampled_from([(None, None), (1, None), (None, (" ,", " : ")), (3, ("\t,", ":"))])


def shuffled(draw, value):
    return dict(draw(st.permutations(list(value.items()))))


def written(value, layout, ascii_only):
    indent, separators = layout
    return json.dumps(value, indent=indent, separators=separators, ensure_ascii=ascii_only).encode(
        "utf-8", "surrogatepass"
    )


@given(st.data(), OURS, THEIRS, THEIRS, LAYOUT)
def test_our_marks_leave_and_all_else_stays(data, marks, metadata, rest, layout):
    inner = shuffled(data.draw, marks | metadata)
    document = shuffled(data.draw, rest | {"metadata": inner})
    came = written(document, layout, ascii_only=True)
    left = without_marks(came)
    expected = {name: value for name, value in document.items() if name != "metadata"}
    if metadata:
        expected["metadata"] = metadata
    assert json.loads(left) == expected
    assert list(json.loads(left)) == [name for name in document if name in expected]
    if not marks and metadata:
        assert left == came


@given(st.data(), THEIRS, LAYOUT, st.text(min_size=1, max_size=8))
def test_only_the_model_is_replaced(data, rest, layout, model):
    document = shuffled(data.draw, rest | {"model": "task"})
    came = written(document, layout, ascii_only=True)
    sent = with_model(came, model)
    assert json.loads(sent) == document | {"model": model}
    assert len(sent) - len(came) == len(json.dumps(model)) - len('"task"')


@given(THEIRS, LAYOUT, st.none() | st.booleans() | st.dictionaries(TEXT, JSON, max_size=2), st.booleans())
def test_counts_are_asked_for_beside_what_was_asked(rest, layout, options, included):
    document = dict(rest)
    if options is not None:
        document["stream_options"] = options
        if isinstance(options, dict) and included:
            options["include_usage"] = False
    sent = json.loads(with_stream_usage(written(document, layout, ascii_only=True)))
    kept = options if isinstance(options, dict) else {}
    assert sent == document | {"stream_options": kept | {"include_usage": True}}


EVENT = st.sampled_from(
    [
        b'data: {"choices":[{"index":0,"delta":{"content":"a"}}],"usage":null}\n\n',
        b'data: {"choices":[],"usage":null}\r\n\r\n',
        b'data: {"choices":[],"prompt_filter_results":[]}\n\n',
        b': keep-alive "usage"\n\n',
        b"event: x\ndata: {}\n\n",
        b"data: [DONE]\n\n",
    ]
)
COUNTED = b'data: {"id":"c","choices": [],"usage":{"prompt_tokens":1}}\n\n'


@given(
    st.lists(EVENT | st.just(COUNTED), max_size=8),
    st.lists(st.integers(1, 40), min_size=1),
    st.binary(max_size=9),
)
def test_only_the_chunk_with_the_counts_is_taken_out_wherever_the_stream_is_cut(events, sizes, tail):
    data = b"".join(events) + tail
    stripper, out, at = UsageStripper(), [], 0
    while at < len(data):
        size = sizes[at % len(sizes)]
        out.append(stripper.feed(data[at : at + size]))
        at += size
    expected = b"".join(event for event in events if event != COUNTED) + tail
    assert b"".join(out) + stripper.close() == expected


@given(
    st.sampled_from([b"", b"\xef\xbb\xbf", b"\n \r\n", b"\xef\xbb\xbf\n"]),
    st.tuples(EVENT, EVENT | st.just(COUNTED), EVENT)
    | st.sampled_from([[b"<p>"], [b'{"usage":1}\n\n'], [b"dat"]]),
    st.lists(st.integers(1, 40), min_size=1),
)
def test_what_is_no_stream_of_events_is_passed_on_at_once_and_unchanged(before, parts, sizes):
    data = before + b"".join(parts)
    stripper, out, at = UsageStripper(events=False), [], 0
    while at < len(data):
        size = sizes[at % len(sizes)]
        out.append(stripper.feed(data[at : at + size]))
        at += size
        came = data[:at].removeprefix(b"\xef\xbb\xbf").strip()
        if not came or came.startswith((b"<", b"{")):
            assert b"".join(out) == data[:at] or data[:at] in (b"\xef", b"\xef\xbb")
    expected = before + b"".join(part for part in parts if part != COUNTED)
    assert b"".join(out) + stripper.close() == expected
