"""``insource.wrap``: record every call of an official client in its own process, without a gateway.

The transport of the client's HTTP client does the recording. It sees the bytes of requests and answers, as
the gateway does, and every way of calling uses it: streams, raw responses, parsing and retries. Each attempt
is one record.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, TypeVar

from insource.config.log import LogSection, OwnPrice
from insource.foundation.errors import InsourceError, UserError
from insource.logs.process_log import process_log
from insource.logs.wrapped_exchange import Sent, WrappedExchange, begin_exchange, take_tags
from insource.providers.endpoints import wrapped_endpoint
from insource.providers.prices import PriceTable
from insource.providers.tags import Tags
from insource.redaction import keys_in
from insource.store.spool.writer import OnLogFailure

Client = TypeVar("Client")

_TAGS = "insource_tags"  # an extension of the request, which a redirected request inherits
_LIBRARIES = ("httpx2", "httpx")


def wrap(
    client: Client,
    *,
    root: str | Path = ".insource",
    task: str = "",
    feature: str = "",
    prompt_version: str = "",
    user: str = "",
    provider: str = "",
    prices: Mapping[str, OwnPrice] | None = None,
    on_log_failure: OnLogFailure = "pass",
    log: LogSection | None = None,
) -> Client:
    """The same client, recording: ``client = insource.wrap(OpenAI())``.

    Takes ``OpenAI``, ``AzureOpenAI``, ``Anthropic`` and their async variants. The given client does not
    change; both share its connections. Calls are recorded in the folder ``root`` with these tags. A call's
    ``extra_headers={"x-insource-task": …}`` (feature, prompt-version, user) replace them and are not sent.
    ``provider`` defaults to the host's name. ``prices`` by model come before the price table. ``log`` is the
    section ``[log]`` of a loaded configuration, which says what is removed before a record is written; the
    default removes secrets.

    The request is on record before it is sent, a streamed answer piece by piece, and the end of the call
    before the caller has the whole answer. An answer that the caller does not read to its end is
    ``interrupted``. If a record cannot be written, ``on_log_failure="pass"`` makes the call without it, and
    ``"refuse"`` answers with status 503.

    Raises:
        UserError: ``client-not-supported``.
        InsourceError: ``spool-unwritable``, or the codes of ``open_database``.
    """
    http_client = getattr(client, "_client", None)
    library = _library_of(http_client)
    if library is None or not hasattr(client, "with_options") or not hasattr(http_client, "_mounts"):
        raise UserError(
            "client-not-supported",
            f"{type(client).__name__} is not a client that can be recorded.",
            hint="Pass OpenAI(), AzureOpenAI(), Anthropic(), or an async one; else run: insource gateway",
        )
    folder = Path(root).resolve()
    section = log or LogSection()
    process_log(folder, on_log_failure, section)  # so that an unusable folder is an error here
    tags = Tags(task=task, feature=feature, prompt_version=prompt_version, user=user)
    how = _How(folder, on_log_failure, section, tags, provider, PriceTable(prices), library)
    wrapped: Client = client.with_options(http_client=_recording(http_client, how))
    return wrapped


class _How(NamedTuple):
    root: Path
    on_log_failure: OnLogFailure
    section: LogSection
    tags: Tags
    provider: str
    prices: PriceTable
    library: ModuleType

    def begin(self, request: Any) -> WrappedExchange | None:
        """Record that a request is sent. Return None for a request or a call that is not recorded.

        Raises:
            InsourceError: the record cannot be written, and the call must be refused.
        """
        tags: Tags | None = request.extensions.get(_TAGS)
        if tags is None:
            tags = request.extensions[_TAGS] = take_tags(request.headers, self.tags)
        endpoint = wrapped_endpoint(request.method, request.url.path)
        if endpoint is None:
            return None
        try:
            log = process_log(self.root, self.on_log_failure, self.section)
            sent = Sent(request.method, str(request.url), _body(request), keys_in(request.headers.items()))
            return begin_exchange(log, sent, endpoint, tags, self.prices, self.provider)
        except InsourceError:
            if self.on_log_failure == "refuse":
                raise
            return None

    def refusal(self, error: InsourceError) -> Any:
        """Return an answer that OpenAI's and Anthropic's clients read as an error and do not retry."""
        said = {"type": "server_error", "code": error.code, "param": None}
        said["message"] = f"The call cannot be logged: {error.message}"
        body = json.dumps({"type": "error", "error": said}).encode()
        headers = {"content-type": "application/json", "x-should-retry": "false"}
        return self.library.Response(503, headers=headers, content=body)


def _body(request: Any) -> bytes:
    try:
        body: bytes = request.read()
    except AssertionError:  # a body that is a stream; the official clients send none
        return b""
    return body


def _library_of(http_client: Any) -> ModuleType | None:
    """Return the library of an HTTP client: newer official clients use httpx2, older ones httpx."""
    for base in type(http_client).__mro__:
        name = base.__module__.partition(".")[0]
        if name in _LIBRARIES:
            return sys.modules[name]
    return None


def _recording(http_client: Any, how: _How) -> Any:
    """Return a copy of the HTTP client with other transports and the same pool, proxies and hooks.

    The copy keeps the original client, which closes the pool when it is garbage-collected.
    """
    kind = _AsyncTransport if isinstance(http_client, how.library.AsyncClient) else _Transport

    def recorded(transport: Any) -> Any:
        if transport is None:  # this mount has no proxy, so the client's own transport is used
            return None
        inner = transport.inner if isinstance(transport, _Transport | _AsyncTransport) else transport
        return kind(inner, how, http_client)

    copied = copy.copy(http_client)
    copied._transport = recorded(http_client._transport)
    copied._mounts = {pattern: recorded(transport) for pattern, transport in http_client._mounts.items()}
    return copied


class _Transport:
    def __init__(self, inner: Any, how: _How, kept: Any) -> None:
        self.inner = inner
        self._how = how
        self._kept = kept

    def handle_request(self, request: Any) -> Any:
        try:
            exchange = self._how.begin(request)
        except InsourceError as error:
            return self._how.refusal(error)
        if exchange is None:
            return self.inner.handle_request(request)
        try:
            response = self.inner.handle_request(request)
        except BaseException as error:
            exchange.fail(error)
            raise
        return _with_stream(response, exchange, _Stream, self._how.library.SyncByteStream)

    def close(self) -> None:
        self.inner.close()

    def __enter__(self) -> _Transport:
        self.inner.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.inner.__exit__(*error)


class _AsyncTransport:
    def __init__(self, inner: Any, how: _How, kept: Any) -> None:
        self.inner = inner
        self._how = how
        self._kept = kept

    async def handle_async_request(self, request: Any) -> Any:
        try:
            exchange = self._how.begin(request)
        except InsourceError as error:
            return self._how.refusal(error)
        if exchange is None:
            return await self.inner.handle_async_request(request)
        try:
            response = await self.inner.handle_async_request(request)
        except BaseException as error:
            exchange.fail(error)
            raise
        return _with_stream(response, exchange, _AsyncStream, self._how.library.AsyncByteStream)

    async def aclose(self) -> None:
        await self.inner.aclose()

    async def __aenter__(self) -> _AsyncTransport:
        await self.inner.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self.inner.__aexit__(*error)


class _Stream:
    """The bytes of an answer. Each is recorded before the caller gets it."""

    def __init__(self, inner: Any, exchange: WrappedExchange) -> None:
        self._inner = inner
        self._exchange = exchange
        self._bytes: Iterator[bytes] = iter(())

    def __iter__(self) -> Iterator[bytes]:
        self._bytes = iter(self._inner)
        return self

    def __next__(self) -> bytes:
        try:
            data = next(self._bytes)
        except StopIteration:
            self._exchange.finish()
            raise
        except BaseException as error:
            self._exchange.fail(error)
            raise
        self._exchange.feed(data)
        return data

    def close(self) -> None:
        self._exchange.drop()
        self._inner.close()

    def __del__(self) -> None:
        self._exchange.abandon()


class _AsyncStream:
    """As ``_Stream``, for async clients."""

    def __init__(self, inner: Any, exchange: WrappedExchange) -> None:
        self._inner = inner
        self._exchange = exchange
        self._bytes: Any = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        self._bytes = self._inner.__aiter__()
        return self

    async def __anext__(self) -> bytes:
        try:
            data: bytes = await self._bytes.__anext__()
        except StopAsyncIteration:
            self._exchange.finish()
            raise
        except BaseException as error:
            self._exchange.fail(error)
            raise
        self._exchange.feed(data)
        return data

    async def aclose(self) -> None:
        self._exchange.drop()
        await self._inner.aclose()

    def __del__(self) -> None:
        self._exchange.abandon()


def _with_stream(response: Any, exchange: WrappedExchange, kind: type, base: type) -> Any:
    """Return the response with a recorded stream, which must be an instance of the library's class."""
    headers = response.headers
    exchange.answered(
        response.status_code, headers.get("content-type", ""), headers.get("content-encoding", "")
    )
    response.stream = _of_class(kind, base)(response.stream, exchange)
    return response


@cache
def _of_class(kind: type, base: type) -> type:
    return type(kind.__name__, (kind, base), {})
