"""Send a call to its upstream and relay the answer: each byte as it comes, and all of it recorded."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from pydantic import SecretStr

from insource.gateway.call.exchange import Exchange
from insource.gateway.call.tags import with_stream_usage
from insource.gateway.call.usage_events import UsageStripper
from insource.gateway.http.asgi import Headers, HttpReply, HttpRequest
from insource.gateway.http.connections import Connection, UpstreamFailed, UpstreamSilent, UpstreamUntrusted
from insource.gateway.http.refused import Refused
from insource.gateway.http.upstream import Upstream, travelling
from insource.providers import AnswerReader, Endpoint, open_reader
from insource.providers.billing import LITELLM_COST
from insource.providers.errors import ApiDialect, error_document, error_event
from insource.providers.framing import framing_of
from insource.providers.wire import decompressor
from insource.redaction import is_secret

# The upstream cannot answer now, whatever is asked of it.
_OVERLOADED = frozenset((429, 500, 502, 503, 504, 529))

Later = Callable[[AnswerReader], Awaitable[None]]

EVENT_STREAM = b"text/event-stream"
PAGE = b"text/html"
# Answers of these kinds are recorded with their own bytes. Others, such as embeddings, are shortened.
_KEPT_AS_SPELLED = ("chat", "completions", "messages", "responses", "generate_content", "decisions")
# How much of a compressed error is searched for the upstream's key, which the caller must not see.
_MOST_UNPACKED = 1 << 20
KEY_REFUSED = "The upstream does not accept the key that the gateway has for it."


async def forward(
    exchange: Exchange, upstream: Upstream, path: str, body: bytes | AsyncIterator[bytes], *, inject: bool
) -> None:
    """Send a call to its upstream, relay the answer, and record both.

    ``inject`` asks the upstream for the token counts of a stream, and removes them from the answer.
    """
    if exchange.admission.local_only and not upstream.local:
        problem = "This task is marked local-only, and no model on this machine serves the call."
        await exchange.refuse(403, "local-only", problem)
        return
    inject = inject and _counts_are_missing(exchange)
    if inject and isinstance(body, bytes):
        body = with_stream_usage(body)
    key = exchange.admission.upstream_key
    try:
        answer = await upstream.ask(exchange.request, path, body, key=key, plain=inject)
        key_told = key is not None and await _tells(answer, key)
    except UpstreamFailed as error:
        if not await _answered_otherwise(exchange):
            await _no_answer(exchange, error)
        return
    if answer.status in _OVERLOADED and await _answered_otherwise(exchange):
        answer.abort()
        return
    if key_told:
        answer.abort()
        await exchange.refuse(502, "upstream-key-refused", KEY_REFUSED)
        return
    try:
        await _relay(exchange, answer, inject=inject)
    except UpstreamFailed as error:
        await _cut_short(exchange, answer, error)
    except BaseException:  # the client disconnected
        answer.abort()
        raise
    upstream.pool.release(answer)


async def _answered_otherwise(exchange: Exchange) -> bool:
    """Answer a call whose upstream failed in another way, if it has one."""
    return exchange.otherwise is not None and await exchange.otherwise()


async def pass_along(
    request: HttpRequest,
    reply: HttpReply,
    upstream: Upstream,
    path: str,
    body: bytes | AsyncIterator[bytes] | None,
    dialect: ApiDialect,
    key: SecretStr | None = None,
    later: Later | None = None,
) -> None:
    """Forward a request that does not call a model, such as a list or a file, without a record.

    ``later`` gets the response of an earlier call that the answer brings, before its last byte is sent.
    """
    try:
        answer = await upstream.ask(request, path, body, key=key)
        key_told = key is not None and await _tells(answer, key)
    except UpstreamFailed as error:
        failure = _failure(error)
        body = error_document(dialect, failure.status, failure.code, failure.message)
        await reply.whole(failure.status, body)
        return
    if key_told:
        answer.abort()
        await reply.whole(502, error_document(dialect, 502, "upstream-key-refused", KEY_REFUSED))
        return
    try:
        await reply.start(answer.status, travelling(answer.headers))
        reader = _reader(answer, "responses") if later is not None and answer.status == 200 else None
        while data := await answer.read():
            if reader is not None:
                reader.feed(data)
                if reader.complete or answer.at_end:
                    await _told(later, reader)
                    reader = None
            await reply.chunk(data)
        await _told(later, reader)
        await reply.finish()
    except UpstreamFailed:
        answer.abort()  # the server closes the client's connection, because the answer has no end
        return
    except BaseException:
        answer.abort()
        raise
    upstream.pool.release(answer)


async def _told(later: Later | None, reader: AnswerReader | None) -> None:
    if later is not None and reader is not None:
        reader.close()
        await later(reader)


def _reader(answer: Connection, endpoint: Endpoint) -> AnswerReader:
    kind, encoding = _described(answer.headers)
    events = kind.startswith(EVENT_STREAM)
    text = events or b"json" in kind or kind.startswith(PAGE)
    media = "" if endpoint != "other" or text else kind.decode("latin-1")
    return open_reader(endpoint, streamed=events, encoding=encoding, media=media)


async def _tells(answer: Connection, key: SecretStr) -> bool:
    """Return whether an error is about the gateway's key (401) or repeats it."""
    secret = key.get_secret_value()
    if answer.status < 400 or answer.status == 401 or not is_secret(secret):
        return answer.status == 401
    try:
        data = await answer.peek()
    except BaseException:  # the client disconnected
        answer.abort()
        raise
    unpacking = decompressor(_described(answer.headers)[1], _MOST_UNPACKED)
    if unpacking is not None:
        with contextlib.suppress(Exception):  # data that cannot be unpacked is searched as it is
            data = unpacking.feed(data)
    return secret.encode() in data


async def _relay(exchange: Exchange, answer: Connection, *, inject: bool) -> None:
    kind, encoding = _described(answer.headers)
    events = kind.startswith(EVENT_STREAM)
    exchange.reader = _reader(answer, exchange.endpoint)
    stated = [value for name, value in answer.headers if name == LITELLM_COST.encode()]
    exchange.stated_usd = stated[0].decode("latin-1") if stated else ""
    head = [*travelling(answer.headers), *exchange.headers()]
    first = b""
    if not events and not exchange.streams:
        first = await answer.read()
        if framing_of(first, "document") != "events":
            await _whole(exchange, answer, head, first, plain=not encoding)
            return
    # In a compressed stream the events cannot be told apart
    strips = inject and answer.status < 400 and not encoding
    stripper = UsageStripper(events=events) if strips else None
    if stripper is not None:
        head = [one for one in head if one[0] != b"content-length"]
    await _stream(exchange, answer, head, stripper, first)


async def _whole(exchange: Exchange, answer: Connection, head: Headers, data: bytes, *, plain: bool) -> None:
    """Relay a document, of which ``data`` was read already. Its last piece is sent after all is on record."""
    reply, reader = exchange.reply, exchange.reader
    assert reader is not None
    reader.feed(data)
    if not answer.at_end:
        await reply.start(answer.status, head)
        while more := await answer.read():
            await reply.chunk(data)
            reader.feed(more)
            data = more
    elif plain and exchange.endpoint in _KEPT_AS_SPELLED and data.startswith(b"{"):
        exchange.answer = data
    await _on_record(exchange, answer.status)
    if not reply.started:
        await reply.start(answer.status, head)
    await reply.finish(data)


async def _stream(
    exchange: Exchange, answer: Connection, head: Headers, stripper: UsageStripper | None, first: bytes
) -> None:
    """Relay an answer piece by piece. ``first`` was read already."""
    reply, reader, recording = exchange.reply, exchange.reader, exchange.recording
    assert reader is not None
    await reply.start(answer.status, head)
    while data := first or await answer.read():
        first = b""
        if new := reader.feed(data):
            recording.chunk(new)
        if reader.complete or answer.at_end:  # the client may stop reading here: this is the last byte
            await _on_record(exchange, answer.status)
        if stripper is not None:
            data = stripper.feed(data)
        if data:
            await reply.chunk(data)
    await _on_record(exchange, answer.status)
    await reply.finish(stripper.close() if stripper is not None else b"")


async def _on_record(exchange: Exchange, status: int) -> None:
    """Record the end of a call whose answer was read to its end or to its end mark."""
    reader = exchange.reader
    if exchange.ended or reader is None:
        return
    if not reader.complete:
        reader.close()
    if status >= 400 or reader.error:
        exchange.end_as_read("error", status)
    elif reader.unread:
        exchange.end_as_read("unread", status)
    elif reader.complete:
        exchange.end_as_read("ok", status)
    else:
        exchange.end_as_read("interrupted", status, "the stream stopped before its end")
    await exchange.settle()


async def _no_answer(exchange: Exchange, error: UpstreamFailed) -> None:
    failure = _failure(error)
    await exchange.refuse(failure.status, failure.code, failure.message, error=str(error), sent=error.reached)


async def _cut_short(exchange: Exchange, answer: Connection, error: UpstreamFailed) -> None:
    """End a call whose answer broke off: tell the client if possible, and record what came."""
    answer.abort()
    if not exchange.reply.started:
        await _no_answer(exchange, error)
        return
    exchange.end_as_read("interrupted", answer.status, str(error))
    await exchange.settle()
    kind, encoding = _described(answer.headers)
    sized = any(name == b"content-length" for name, _ in answer.headers)
    if kind.startswith(EVENT_STREAM) and not encoding and not sized:
        failure = _failure(error)
        await exchange.reply.finish(
            error_event(exchange.dialect, failure.status, failure.code, failure.message)
        )
    # Otherwise nothing more is sent. The server closes the connection, because the answer has no end.


def _failure(error: UpstreamFailed) -> Refused:
    """Return the error for the caller. The error's own text is only recorded, because it may name hosts."""
    if isinstance(error, UpstreamSilent):
        return Refused(504, "upstream-timeout", "The upstream did not answer in time.")
    if isinstance(error, UpstreamUntrusted):
        return Refused(502, "upstream-untrusted", "The certificate of the upstream is not valid here.")
    return Refused(502, "upstream-unreachable", "The upstream could not be reached or broke off.")


def _described(headers: Headers) -> tuple[bytes, str]:
    kind, encoding = b"", ""
    for name, value in headers:
        if name == b"content-type":
            kind = value.lower()
        elif name == b"content-encoding":
            encoding = value.decode("latin-1")
    return kind, encoding


def _counts_are_missing(exchange: Exchange) -> bool:
    document = exchange.document
    if document is None or exchange.endpoint not in ("chat", "completions") or not exchange.streams:
        return False
    options = document.get("stream_options")
    return not (isinstance(options, dict) and options.get("include_usage"))
