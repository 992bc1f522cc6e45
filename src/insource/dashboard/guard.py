"""Who may talk to the pages: this machine's browser, from the pages themselves, in small requests.

Loopback alone keeps nobody's web page out: a browser visits it in its user's name. So the Host is checked
(against DNS rebinding), a write needs the Origin, a token from the page and JSON (against cross-site
requests), and every path starts with a token that only the command that started the server has shown.
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
    """Lets through what the pages themselves ask for, and says on every answer what it may do."""

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
            return PlainTextResponse("This host is not served here.\n", 403)
        if not scope["path"].startswith("/"):  # `OPTIONS *` asks about the server as a whole
            return PlainTextResponse("Only paths are served here.\n", 400)
        given = scope["path"].split("/")[1].encode()
        if not secrets.compare_digest(given, self._token.encode()):
            return PlainTextResponse("Open the address that the command has shown.\n", 404)
        if scope["method"] in ("GET", "HEAD"):
            return None
        ours = (
            headers.get("origin") == f"http://{host}"
            and headers.get("sec-fetch-site", "same-origin") == "same-origin"
            and headers.get("content-type", "").partition(";")[0] == "application/json"
            and secrets.compare_digest(headers.get(CSRF_HEADER, "").encode(), self._csrf.encode())
        )
        if not ours:
            return PlainTextResponse("Only the page itself may write.\n", 403)
        if int(headers.get("content-length", "0")) > MAX_BODY_BYTES:
            return PlainTextResponse("The request is too large.\n", 413)
        return None
