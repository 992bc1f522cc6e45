"""What providers may answer, byte by byte: the caller gets the answer and nothing else."""

import httpx2
import pytest
from support.upstream_kit import Ended, RawUpstream, always, calls_of, chunk, passing, reply

ASK = b'{"model":"m","messages":[{"role":"user","content":"480 V?"}]}'
JSON = {"content-type": "application/json"}
ANSWER = b'{"choices":[{"index":0,"message":{"content":"480 V"},"finish_reason":"stop"}]}'
ANOTHER = b'{"choices":[{"index":0,"message":{"content":"not yours"},"finish_reason":"stop"}]}'
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"


@pytest.fixture
def upstream():
    with RawUpstream() as raw:
        yield raw


@pytest.fixture
def ask(upstream, recorder):
    with passing(recorder, upstream) as root, httpx2.Client(trust_env=False, timeout=20) as client:
        yield lambda path="/v1/chat/completions": client.post(root + path, content=ASK, headers=JSON)


def test_trailers_are_no_headers(upstream, ask):
    upstream.answer = always(CHUNKED + chunk(ANSWER) + b"0\r\nset-cookie: late=1\r\nx-late: 1\r\n\r\n")
    answer = ask()
    assert answer.content == ANSWER
    assert not {"set-cookie", "x-late"} & set(answer.headers)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/files"])
@pytest.mark.parametrize("first", [reply(ANSWER), CHUNKED + chunk(ANSWER) + b"0\r\n\r\n"])
def test_a_second_answer_that_nobody_asked_for_reaches_nobody(upstream, recorder, ask, path, first):
    upstream.answer = always(first + reply(ANOTHER, 500, headers=[("x-second", "1")]))
    for _ in range(2):
        answer = ask(path)
        assert (answer.status_code, answer.content) == (200, ANSWER)
        assert "x-second" not in answer.headers
    assert upstream.connections == 2  # a connection that says more than it was asked is not kept
    assert {call.response_text for call in calls_of(recorder)} <= {"480 V"}


def test_interim_answers_are_waited_out(upstream, ask):
    upstream.answer = always(
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n",
        reply(ANSWER),
    )
    answer = ask()
    assert (answer.status_code, answer.content) == (200, ANSWER)
    assert "link" not in answer.headers


def test_a_protocol_that_nobody_asked_for_is_no_answer(upstream, recorder, ask, caplog):
    upstream.answer = always(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n")
    answer = ask()
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream-unreachable")
    assert [call.outcome for call in calls_of(recorder)] == ["error"]
    assert not caplog.records


@pytest.mark.parametrize("status", [200, 204])
def test_the_offer_of_another_protocol_is_no_hindrance(upstream, ask, caplog, status):
    """Apache and others offer HTTP/2 on every answer."""
    offer = [("connection", "Upgrade"), ("upgrade", "h2c")]
    body = ANSWER if status == 200 else b""
    sent = reply(body, status, headers=offer)
    upstream.answer = always(sent if body else sent.replace(b"content-length: 0\r\n", b""))
    for _ in range(2):
        answer = ask("/v1/files")
        assert (answer.status_code, answer.content) == (status, body)
        assert "upgrade" not in answer.headers
    assert not caplog.records


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_is_one(upstream, ask, status):
    upstream.answer = always(b"HTTP/1.1 %d X\r\nx-request-id: r\r\n\r\n" % status)
    answer = ask("/v1/files")
    assert (answer.status_code, answer.content, answer.headers["x-request-id"]) == (status, b"", "r")


def test_headers_come_in_their_order_with_every_byte_of_their_values(upstream, ask):
    odd = [
        ("x-request-id", "req-1"),
        ("set-cookie", "a=1; path=/"),
        ("x-ratelimit-reset-requests", "6m0s"),
        ("set-cookie", "b=2"),
        ("x-empty", ""),
        ("x-latin", "gr\u00fc\u00dfe"),
        ("retry-after-ms", "12"),
        ("x-should-retry", "true"),
        ("date", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("server", "theirs"),
    ]
    lines = "".join(f"{name}: {value}\r\n" for name, value in odd).encode("latin-1")
    upstream.answer = always(b"HTTP/1.1 429 Slow\r\n" + lines + b"content-length: 2\r\n\r\n{}")
    raw = [(name.decode(), value.decode("latin-1")) for name, value in ask("/v1/files").headers.raw]
    assert [one for one in raw if one[0] not in ("content-length", "connection")] == odd


def test_an_answer_of_http_1_0_ends_with_its_connection(upstream, ask):
    async def old(asked):
        yield b"HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n" + ANSWER
        raise Ended

    upstream.answer = old
    assert [ask().content for _ in range(2)] == [ANSWER, ANSWER]
    assert upstream.connections == 2
