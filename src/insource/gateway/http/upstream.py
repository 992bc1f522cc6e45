"""Send a client's request to a configured provider.

The body is unchanged. ``host`` and framing headers are the upstream's. Hop-by-hop and ``x-insource-*``
headers are dropped, and a virtual key is replaced by the provider's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from pydantic import SecretStr

from insource.foundation.errors import ConfigError
from insource.gateway.http.address import Address, UpstreamKind, UpstreamSettings
from insource.gateway.http.asgi import KEY_HEADERS, Headers, HttpRequest
from insource.gateway.http.connections import Connection, Pool, UpstreamFailed
from insource.models.transport import is_loopback
from insource.providers.tags import HEADER

# These headers belong to one connection and not to the message (RFC 9110, section 7.6.1).
HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer "
    b"transfer-encoding upgrade".split()
)
_NOT_FORWARDED = HOP_BY_HOP | {b"host", b"content-length", b"expect"}
_OURS = HEADER.encode()

_KEY_HEADER: dict[UpstreamKind, tuple[bytes, bytes]] = {
    "openai": (b"authorization", b"Bearer "),
    "azure": (b"api-key", b""),
    "anthropic": (b"x-api-key", b""),
    "gemini": (b"x-goog-api-key", b""),
}

_IDEMPOTENT = frozenset(("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"))  # RFC 9110, section 9.2.2
_WORTH_REPEATING = frozenset((408, 409, 429, 500, 502, 503, 504))
MAX_WAIT_S = 8.0


class Upstream:
    """One provider and the connections to it.

    Raises:
        ConfigError: ``config-invalid`` for a base URL that is not valid.
    """

    def __init__(self, settings: UpstreamSettings) -> None:
        try:
            self.address = Address.of(settings.base_url)
        except ValueError as error:
            raise ConfigError(
                "config-invalid",
                f"upstreams.{settings.name}.base_url is {settings.base_url!r}: {error}.",
                hint="Give the URL that the provider's own clients use.",
            ) from error
        self.settings = settings
        self.local = is_loopback(settings.base_url)
        self.pool = Pool(
            self.address, connect_timeout_s=settings.connect_timeout_s, timeout_s=settings.timeout_s
        )
        self._host_line = b"host: " + self.address.host_header

    async def ask(
        self,
        request: HttpRequest,
        path: str,
        body: bytes | AsyncIterator[bytes] | None,
        *,
        key: SecretStr | None = None,
        plain: bool = False,
    ) -> Connection:
        """Send the request, and return its connection when the head of the answer has been read.

        ``body`` is None for a request without one. ``plain`` asks for an answer without compression. A
        request that is safe to repeat is sent up to ``retries`` more times, and a header then tells the
        client not to retry.

        Raises:
            UpstreamFailed: no answer came.
        """
        head = self._head(request, path, body, key, plain)
        data = b"" if body is None else body
        if not isinstance(data, bytes) and not request.header("content-length"):
            data = _chunked(data)
        safe = isinstance(data, bytes) and (
            request.method in _IDEMPOTENT or bool(request.header("idempotency-key"))
        )
        attempt, fresh = 0, False
        while True:
            left = self.settings.retries - attempt if isinstance(data, bytes) else 0
            try:
                answer = await self.pool.send(head, data, fresh=fresh)
            except UpstreamFailed as error:
                if error.stale and safe and not fresh:  # it was closed while idle, so this was not an attempt
                    fresh = True
                    continue
                if left <= 0 or (error.reached and not safe):
                    raise
                wait_s = 0.5 * 2**attempt
            else:
                if answer.status not in _WORTH_REPEATING or left <= 0 or not safe:
                    if attempt and answer.status >= 400:
                        answer.headers = [*_without(answer.headers, b"x-should-retry"), _NO_RETRY]
                    return answer
                wait_s = _wait_of(answer, attempt)
                answer.abort()
            attempt += 1
            await asyncio.sleep(min(wait_s, MAX_WAIT_S))

    def _head(
        self,
        request: HttpRequest,
        path: str,
        body: bytes | AsyncIterator[bytes] | None,
        key: SecretStr | None,
        plain: bool,
    ) -> bytes:
        target = target_of(self.settings, self.address.prefix, path)
        query = request.query if key is None else _without_key(request.query)
        start = f"{request.method} {target}{'?' if query else ''}{query} HTTP/1.1".encode("latin-1")
        drop = _NOT_FORWARDED if key is None else _NOT_FORWARDED | KEY_HEADERS
        headers = travelling(request.headers, drop | {b"accept-encoding"} if plain else drop)
        lines = [start, self._host_line, *[name + b": " + value for name, value in headers]]
        if key is not None:
            name, scheme = _KEY_HEADER[self.settings.kind]
            lines.append(name + b": " + scheme + key.get_secret_value().encode("latin-1"))
        if isinstance(body, bytes):
            lines.append(b"content-length: %d" % len(body))
        elif body is not None:
            length = request.header("content-length").encode("latin-1")
            lines.append(b"content-length: " + length if length else b"transfer-encoding: chunked")
        return b"\r\n".join(lines) + b"\r\n\r\n"


_NO_RETRY = (b"x-should-retry", b"false")


def travelling(headers: Headers, unwanted: frozenset[bytes] = HOP_BY_HOP) -> Headers:
    """Return the headers to forward: without the gateway's own and those that ``connection`` lists."""
    for name, value in headers:
        if name == b"connection" and value.lower() not in (b"keep-alive", b"close"):
            unwanted |= {listed.strip().lower() for listed in value.split(b",")}
    return [one for one in headers if one[0] not in unwanted and not one[0].startswith(_OURS)]


async def _chunked(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the body in chunked framing, for a body of unknown length (RFC 9112, section 7.1)."""
    async for piece in pieces:
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def _without(headers: Headers, name: bytes) -> Headers:
    return [one for one in headers if one[0] != name]


def _without_key(query: str) -> str:
    """Return the query without the key that Google's clients may put there."""
    return "&".join(part for part in query.split("&") if part.partition("=")[0] != "key")


def _wait_of(answer: Connection, attempt: int) -> float:
    """Return the seconds to wait before the next attempt: as the answer says, else longer each time."""
    for name, unit in ((b"retry-after-ms", 0.001), (b"retry-after", 1.0)):
        for key, value in answer.headers:
            if key == name and value.strip().isdigit():
                return int(value) * unit
    return 0.5 * float(2**attempt)


def target_of(upstream: UpstreamSettings, prefix: str, path: str) -> str:
    """Return the path at the upstream. Base URLs of OpenAI end in the version, which is sent only once."""
    if upstream.kind == "openai" and (path == "/v1" or path.startswith("/v1/")):
        path = path[3:]
    return prefix + path
