"""The caller's side of HTTP, by raw sockets: what no well-behaved client sends, and what some do."""

import contextlib
import json
import socket

import httpx2
import pytest
from support.gateway_kit import WHOLE
from support.upstream_kit import RawUpstream, always, calls_of, passing, reply

from insource.gateway import server
from insource.gateway.http import caller
from insource.gateway.settings import GatewaySettings

ASK = b'{"model":"m","messages":[{"role":"user","content":"480 V?"}]}'
CALL = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
MODELS = b"GET /v1/models HTTP/1.1\r\nhost: x\r\n"
SIZED = b"content-length: %d\r\n\r\n" % len(ASK)
CHUNKED = b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(ASK), ASK)
OFFER = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"
LAST = b"connection: close\r\n"


@pytest.fixture
def upstream():
    with RawUpstream(always(reply(WHOLE))) as raw:
        yield raw


@pytest.fixture
def dial(upstream, recorder):
    with passing(recorder, upstream) as root:
        port = int(root.rpartition(":")[2])
        yield lambda: contextlib.closing(socket.create_connection(("127.0.0.1", port), timeout=20))


def everything(connection):
    """What comes until the gateway hangs up."""
    data = b""
    try:
        while piece := connection.recv(1 << 16):
            data += piece
    except ConnectionResetError:  # it hung up before it had read all that was sent
        pass
    return data


def status(data):
    return int(data.split(b" ", 2)[1])


@pytest.mark.parametrize("first", [CALL + OFFER + SIZED + ASK, CALL + OFFER + CHUNKED + b"0\r\n\r\n"])
@pytest.mark.parametrize("cut", [0, 40])
def test_a_body_is_read_although_another_protocol_was_offered(dial, upstream, recorder, first, cut):
    """Java's client offers HTTP/2 along with its first request."""
    with dial() as connection:
        connection.sendall(first[: len(first) - cut])
        if cut:
            assert not upstream.seen
            connection.sendall(first[-cut:])
        connection.sendall(CALL + LAST + SIZED + ASK)
        data = everything(connection)
    assert data.count(WHOLE) == 2
    assert [asked.body for asked in upstream.seen] == [ASK, ASK]
    assert not {"upgrade", "http2-settings"} & set(dict(upstream.seen[0].headers))
    assert [call.outcome for call in calls_of(recorder)] == ["ok", "ok"]


def test_a_trailer_is_no_header(dial, upstream):
    trailers = b"0\r\nauthorization: Bearer another\r\nx-insource-task: another\r\nx-late: 1\r\n\r\n"
    with dial() as connection:
        connection.sendall(CALL + LAST + CHUNKED + trailers)
        assert status(everything(connection)) == 200
    assert not {"authorization", "x-late"} & set(dict(upstream.seen[0].headers))


@pytest.mark.parametrize(
    "unending",
    [MODELS + b"x-long: ", MODELS, CALL + CHUNKED + b"0\r\nx-long: ", CALL + CHUNKED + b"5;"],
)
def test_headers_without_end_are_cut_off(dial, upstream, unending):
    piece = b"a" * 8000 + (b": 1\r\n" if unending is MODELS else b"")
    with dial() as connection, contextlib.suppress(ConnectionError):
        connection.sendall(unending)
        for _ in range(8000):
            connection.sendall(piece)
        raise AssertionError("64 MB of headers were taken")


def test_too_large_a_head_is_told_so(dial, upstream):
    with dial() as connection:
        connection.sendall(MODELS + b"x-long: " + b"a" * (caller.HEAD_BYTES + 1))
        data = everything(connection)
    assert status(data) == 431
    assert json.loads(data.partition(b"\r\n\r\n")[2])["error"]["code"] == "invalid-http"
    assert not upstream.seen


def test_a_head_that_does_not_come_is_not_waited_for(monkeypatch, dial):
    monkeypatch.setattr(caller, "HEAD_S", 0.05)
    with dial() as silent, dial() as begun:
        begun.sendall(MODELS[:-10])
        assert status(everything(begun)) == 408
        assert everything(silent) == b""


@pytest.mark.parametrize(
    "smuggled",
    [
        CALL + b"content-length: 5\r\n" + CHUNKED + b"0\r\n\r\n",
        CALL + b"content-length: 5\r\n" + SIZED + ASK,
        CALL + b"transfer-encoding: xchunked\r\n" + SIZED + ASK,
        CALL + CHUNKED + b"0\r\ncontent-length: 3\r\n\r\n",
        CALL + b"content-length: -5\r\n\r\n" + ASK,
        MODELS + b"x-folded: a\r\n b\r\n\r\n",
        MODELS + b"x-nul: a\0b\r\n\r\n",
        MODELS + b"x-space : a\r\n\r\n",
        b"CONNECT elsewhere.invalid:443 HTTP/1.1\r\nhost: elsewhere.invalid:443\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
    ],
)
def test_what_could_be_read_in_two_ways_is_read_in_none(dial, upstream, smuggled):
    with dial() as connection:
        connection.sendall(smuggled)
        assert status(everything(connection)) == 400
    assert not upstream.seen


def test_an_idle_connection_is_kept_longer_than_clients_keep_it(recorder):
    config = server._GatewayServer(server.create_app(GatewaySettings(recorder=recorder)), lambda: None).config
    assert config.timeout_keep_alive > (httpx2.Limits().keepalive_expiry or 0)
