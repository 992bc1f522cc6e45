"""``insource.wrap``: record every call of an official client, in process and without a gateway.

Calls are recorded at the transport of the client's HTTP client. There the bytes of requests and answers are
visible, as in the gateway, and every kind of call passes through: streams and their helpers, raw responses,
parsing, retries. Each is recorded once.
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
from insource.logs.later_answers import RetrievedResponse
from insource.logs.process_log import process_log
from insource.logs.wrapped_exchange import Sent, WrappedExchange, begin_exchange, take_tags
from insource.providers.billing import LITELLM_COST
from insource.providers.endpoints import brings_response, wrapped_endpoint
from insource.providers.prices import PriceTable
from insource.providers.tags import Tags
from insource.redaction import keys_in
from insource.store.spool.writer import OnLogFailure

Client = TypeVar("Client")

Exchange = WrappedExchange | RetrievedResponse

_TAGS = "insource_tags"  # a key of the request's extensions, which redirects inherit
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
    """Return the same client, with every call recorded: ``client = insource.wrap(OpenAI())``.

    Accepts ``OpenAI``, ``AzureOpenAI``, ``Anthropic`` and their async variants. The given client is not
    changed, and both share connections. Calls are recorded in the folder ``root`` with these tags. A call's
    ``extra_headers={"x-insource-task": …}`` (feature, prompt-version, user) override them and are not sent.
    ``provider`` defaults to the provider of the host. ``prices`` take precedence over the price table, by
    model. ``log`` says what is removed before anything is written, as ``config.log`` of ``load``; by default,
    secrets are.

    A call is recorded before its request is sent, a streamed answer piece by piece, and its end before the
    caller gets the answer. An answer that the caller stops reading is ``interrupted``. When a record cannot
    be written, ``on_log_failure="pass"`` continues the call unrecorded; ``"refuse"`` answers it with status
    503.

    Raises:
        UserError: ``client-not-supported``.
        InsourceError: ``spool-unwritable``, or as ``open_database``.

    Examples:
        Here a stand-in answers instead of the provider:

        >>> from tempfile import mkdtemp
        >>> import httpx2
        >>> from insource import wrap
        >>> from openai import OpenAI
        >>> message = {"role": "assistant", "content": "480 V"}
        >>> answer = {"model": "gpt-4o-mini", "choices": [{"index": 0, "message": message}]}
        >>> provider = httpx2.MockTransport(lambda request: httpx2.Response(200, json=answer))
        >>> client = OpenAI(api_key="test", http_client=httpx2.Client(transport=provider))
        >>> client = wrap(client, root=mkdtemp(), task="specs")
        >>> asked = [{"role": "user", "content": "Rated voltage?"}]
        >>> client.chat.completions.create(model="gpt-4o-mini", messages=asked).choices[0].message.content
        '480 V'
    """
    http_client = getattr(client, "_client", None)
    library = _library_of(http_client)
    if library is None or not hasattr(client, "with_options") or not hasattr(http_client, "_mounts"):
        raise UserError(
            "client-not-supported",
            f"{type(client).__name__} is not a client that Insource can record.",
            hint="Pass OpenAI(), AzureOpenAI(), Anthropic() or an async one, or use: insource gateway",
        )
    folder = Path(root).resolve()
    section = log or LogSection()
    # Report a problem with the folder here, not in the first call
    process_log(folder, on_log_failure, section)
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

    def begin(self, request: Any) -> Exchange | None:
        """Record the start of a request; None if nothing of it and its answer is recorded.

        Raises:
            InsourceError: the record cannot be written and ``on_log_failure`` is ``"refuse"``.
        """
        tags: Tags | None = request.extensions.get(_TAGS)
        if tags is None:
            tags = request.extensions[_TAGS] = take_tags(request.headers, self.tags)
        endpoint = wrapped_endpoint(request.method, request.url.path)
        brings = brings_response(request.method, request.url.path)
        if endpoint is None and not brings:
            return None
        try:
            log = process_log(self.root, self.on_log_failure, self.section)
            if endpoint is None:
                return RetrievedResponse(log.recorder, str(request.url), self.provider, self.prices)
            sent = Sent(request.method, str(request.url), _body(request), keys_in(request.headers.items()))
            return begin_exchange(log, sent, endpoint, tags, self.prices, self.provider)
        except InsourceError:
            if self.on_log_failure == "refuse" and endpoint is not None:
                raise
            return None

    def refusal(self, error: InsourceError) -> Any:
        """Return an error response in OpenAI's and Anthropic's format, which the client does not retry."""
        said = {"type": "server_error", "code": error.code, "param": None}
        said["message"] = f"The call cannot be logged: {error.message}"
        body = json.dumps({"type": "error", "error": said}).encode()
        headers = {"content-type": "application/json", "x-should-retry": "false"}
        return self.library.Response(503, headers=headers, content=body)


def _body(request: Any) -> bytes:
    try:
        body: bytes = request.read()
    except AssertionError:  # a streamed request body; the official clients send none
        return b""
    return body


def _library_of(http_client: Any) -> ModuleType | None:
    """Return the library of an HTTP client; newer official clients use httpx2, older ones httpx."""
    for base in type(http_client).__mro__:
        name = base.__module__.partition(".")[0]
        if name in _LIBRARIES:
            return sys.modules[name]
    return None


def _recording(http_client: Any, how: _How) -> Any:
    """Return a copy of the HTTP client with other transports but the same pool, proxies and hooks.

    The original is kept alive, because it closes the pool when it is garbage-collected.
    """
    kind = _AsyncTransport if isinstance(http_client, how.library.AsyncClient) else _Transport

    def recorded(transport: Any) -> Any:
        if transport is None:  # a mount that uses the client's default transport
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
    """The bytes of an answer; each piece is recorded before it is returned."""

    def __init__(self, inner: Any, exchange: Exchange) -> None:
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

    def __init__(self, inner: Any, exchange: Exchange) -> None:
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


def _with_stream(response: Any, exchange: Exchange, kind: type, base: type) -> Any:
    """Return the response with its stream recorded; the libraries require a stream of their own class."""
    headers = response.headers
    exchange.answered(
        response.status_code,
        headers.get("content-type", ""),
        headers.get("content-encoding", ""),
        headers.get(LITELLM_COST, ""),
    )
    response.stream = _of_class(kind, base)(response.stream, exchange)
    return response


@cache
def _of_class(kind: type, base: type) -> type:
    return type(kind.__name__, (kind, base), {})
