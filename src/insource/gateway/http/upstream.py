"""A configured provider: the caller's request goes there as it came, its answer comes back as it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from pydantic import SecretStr

from insource.foundation.errors import ConfigError
from insource.gateway.http.address import Address, UpstreamKind, UpstreamSettings
from insource.gateway.http.asgi import KEY_HEADERS, Headers, HttpRequest
from insource.gateway.http.connections import Connection, Pool, UpstreamFailed
from insource.models.transport import is_loopback

# RFC 9110, section 7.6.1, and its predecessors: these belong to one connection, not to the message.
HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer "
    b"transfer-encoding upgrade".split()
)
_NOT_FORWARDED = HOP_BY_HOP | {b"host", b"content-length", b"expect"}
_OURS = b"x-insource-"

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
        ConfigError: ``config-invalid`` for a base URL that is none.
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
        """Send the request there; the answer's head has been read when this returns.

        ``body`` None sends none; ``plain`` asks for an answer that is not compressed. What is safe to
        repeat is repeated up to ``retries`` times, and the caller's client is then told not to.

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
                if error.stale and safe and not fresh:  # closed while idle: no attempt has been made yet
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
    """The headers that travel on; what ``connection`` lists does not, nor does anything of ours."""
    for name, value in headers:
        if name == b"connection" and value.lower() not in (b"keep-alive", b"close"):
            unwanted |= {listed.strip().lower() for listed in value.split(b",")}
    return [one for one in headers if one[0] not in unwanted and not one[0].startswith(_OURS)]


async def _chunked(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The body in the framing for one of unknown length (RFC 9112, section 7.1)."""
    async for piece in pieces:
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def _without(headers: Headers, name: bytes) -> Headers:
    return [one for one in headers if one[0] != name]


def _without_key(query: str) -> str:
    """Google's clients may put the caller's key there."""
    return "&".join(part for part in query.split("&") if part.partition("=")[0] != "key")


def _wait_of(answer: Connection, attempt: int) -> float:
    """How long the answer asks to wait, in seconds; without a word, a little longer each time."""
    for name, unit in ((b"retry-after-ms", 0.001), (b"retry-after", 1.0)):
        for key, value in answer.headers:
            if key == name and value.strip().isdigit():
                return int(value) * unit
    return 0.5 * float(2**attempt)


def target_of(upstream: UpstreamSettings, prefix: str, path: str) -> str:
    """The path to ask the upstream for. OpenAI's base URLs end in the version, which callers also send."""
    if upstream.kind == "openai" and (path == "/v1" or path.startswith("/v1/")):
        path = path[3:]
    return prefix + path
