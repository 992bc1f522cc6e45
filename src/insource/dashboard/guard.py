"""Reject requests that do not come from the review's own pages.

Listening on loopback is not enough, because any web page can make the user's browser send requests there. So
the guard checks the Host (against DNS rebinding) and requires for a write the Origin, a token from the page
and JSON (against cross-site request forgery). Every path starts with a token that only the command prints.
"""

from __future__ import annotations

import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 1 << 20
CSRF_HEADER = "x-csrf-token"
_HEADERS = {
    "content-security-policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """ASGI middleware that refuses foreign requests and adds security headers to every response."""

    def __init__(self, app: ASGIApp, *, port: int, token: str, csrf: str) -> None:
        self._app = app
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self._token = token
        self._csrf = csrf

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        refused = self._refusal(scope)
        await (refused or self._app)(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if host not in self._hosts:
            return PlainTextResponse("This host name is not served here.\n", 403)
        if not scope["path"].startswith("/"):  # `OPTIONS *` has no path
            return PlainTextResponse("Only paths are served here.\n", 400)
        given = scope["path"].split("/")[1].encode()
        if not secrets.compare_digest(given, self._token.encode()):
            return PlainTextResponse("Open the address that the command printed.\n", 404)
        if scope["method"] in ("GET", "HEAD"):
            return None
        ours = (
            headers.get("origin") == f"http://{host}"
            and headers.get("sec-fetch-site", "same-origin") == "same-origin"
            and headers.get("content-type", "").partition(";")[0] == "application/json"
            and secrets.compare_digest(headers.get(CSRF_HEADER, "").encode(), self._csrf.encode())
        )
        if not ours:
            return PlainTextResponse("Only the review page may write.\n", 403)
        if int(headers.get("content-length", "0")) > MAX_BODY_BYTES:
            return PlainTextResponse("The request is too large.\n", 413)
        return None
