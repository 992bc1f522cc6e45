"""A provider that answers with the very bytes it is given, and keeps the very bytes it was sent."""

import asyncio
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field

from support.loopback_server import LoopbackServer

from insource.gateway.http.address import UpstreamSettings
from insource.gateway.server import GatewayServer
from insource.gateway.settings import GatewaySettings, PassThrough
from insource.logs.recorder import Recorder
from insource.store.calls.calls import find_calls

OPENAI_VERSIONED = "/v1"
# Of one connection, or naming its end: they cannot be the same on both sides of a gateway.
OF_THE_CONNECTION = {"host", "connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass
class Asked:
    method: str
    target: str
    headers: list
    body: bytes

    @property
    def kept(self):
        """The headers that have to travel, in their order."""
        return [(name, value) for name, value in self.headers if name not in OF_THE_CONNECTION]


@dataclass
class RawUpstream(LoopbackServer):
    """``answer`` gets what was asked and yields bytes to send; it ends the connection by raising.

    ``tls`` is a server's ``ssl.SSLContext``."""

    answer: object = None
    tls: object = None
    seen: list = field(default_factory=list)
    sent: int = 0
    connections: int = 0
    gone: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def root(self):
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader, writer):
        self.connections += 1
        try:
            while (asked := await _read(reader)) is not None:
                self.seen.append(asked)
                async for piece in self.answer(asked):
                    writer.write(piece)
                    await writer.drain()
                    self.sent += len(piece)
        except Ended:
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
        except (ConnectionError, Cut):
            self.gone.set()
            writer.transport.abort()
        finally:
            writer.close()


class Cut(Exception):
    """The provider's connection breaks here."""


class Ended(Exception):
    """The provider closes the connection here, as it should."""


async def _read(reader):
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    headers = [(name.lower(), value) for name, value in (line.split(": ", 1) for line in lines)]
    fields = dict(headers)
    body = b""
    if "content-length" in fields:
        body = await reader.readexactly(int(fields["content-length"]))
    elif fields.get("transfer-encoding") == "chunked":
        while size := int((await reader.readline()).strip(), 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readline()
    return Asked(method, target, headers, body)


def reply(body, status=200, kind="application/json", headers=()):
    """A whole answer as bytes on the wire."""
    lines = [f"HTTP/1.1 {status} X", f"content-type: {kind}", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def always(*pieces):
    """An answer that is the same whatever was asked."""

    async def answer(asked):
        for piece in pieces:
            yield piece

    return answer


STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


def streamed(pieces, head=STREAM_HEAD):
    """A streamed answer, a chunk a piece."""
    return always(head + b"\r\n", *[chunk(piece) for piece in pieces], b"0\r\n\r\n")


@contextmanager
def passing(recorder, upstream, *, kind="openai", upstreams=(), settings=None, **changes):
    """A gateway in front of this upstream and others; ``changes`` are of the upstream's settings."""
    base = upstream.root + (OPENAI_VERSIONED if kind == "openai" else "")
    first = UpstreamSettings(name=kind, kind=kind, base_url=base, **changes)
    through = PassThrough(upstreams=(first, *upstreams), **(settings or {}))
    with GatewayServer(GatewaySettings(recorder=recorder, pass_through=through)) as server:
        yield server.url.removesuffix("/v1")


def calls_of(recorder):
    """Every call that is on record by now."""
    recorder.flush()
    return find_calls(recorder.database)


@dataclass
class Bench:
    """One gateway for the exchanges of a whole module, in front of one provider."""

    upstream: RawUpstream
    recorder: Recorder
    root: str
    known: set = field(default_factory=set)

    @classmethod
    @contextmanager
    def open(cls, folder, **options):
        with (
            RawUpstream() as upstream,
            Recorder.open(folder) as recorder,
            passing(recorder, upstream, **options) as root,
        ):
            yield cls(upstream, recorder, root)

    def answering(self, answer):
        """The provider, which from now on answers so, and has seen nothing yet."""
        self.new_calls()
        self.upstream.seen.clear()
        self.upstream.answer = answer
        return self.upstream

    def new_calls(self):
        """The calls recorded since the last look."""
        calls = [call for call in calls_of(self.recorder) if call.call_id not in self.known]
        self.known |= {call.call_id for call in calls}
        return calls
