"""Ask the cloud what was answered here, as a call that the gateway itself makes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from decimal import Decimal
from typing import Any, NamedTuple

from insource.gateway.call.exchange import Exchange
from insource.gateway.http.asgi import AuditMark, HttpReply, HttpRequest
from insource.lifecycle.audit_budget import NO_DECISIONS

Ask = Callable[[HttpRequest, HttpReply], Awaitable[None]]
CLOUD_FAILED = "cloud-failed"
_NOT_PASSED = frozenset(
    (b"content-length", b"transfer-encoding", b"accept-encoding", b"connection", b"expect")
)
_NOT_SPOKEN = frozenset((400, 404, 405, 410, 501))


class Said(NamedTuple):
    """What the cloud said to a call.

    ``text`` is empty, and ``why`` says why, where it said nothing that can be compared. Of typed decisions,
    ``text`` is the whole body. ``cost_usd`` is what the question cost, None where that is unknown.
    """

    text: str
    model: str = ""
    why: str = ""
    cost_usd: Decimal | None = None


def first_answer(exchange: Exchange) -> Said:
    """Return what the caller got from the cloud."""
    said = exchange.said
    if said is None or said.outcome != "ok" or not said.response_text:
        return Said("", why=CLOUD_FAILED)
    return Said(said.response_text, said.model_answered)


async def second_answer(ask: Ask, exchange: Exchange) -> Said:
    """Send the caller's request again, to the cloud, and return what it says."""
    document = {
        name: value
        for name, value in (exchange.document or {}).items()
        if name not in ("stream", "stream_options")
    }
    mark = AuditMark(exchange.recording.call_id)
    request, received = _request(exchange.request, json.dumps(document).encode(), mark)
    await ask(request, HttpReply(received.send))
    if received.status != 200:  # no provider charges for an error
        unspoken = exchange.decisions is not None and received.status in _NOT_SPOKEN
        why = NO_DECISIONS if unspoken else CLOUD_FAILED
        return Said("", why=why, cost_usd=mark.cost_usd or Decimal(0))
    body = bytes(received.body)
    try:
        answer = json.loads(body)
        model = str(answer.get("model", ""))
        text = body.decode() if exchange.decisions else answer["choices"][0]["message"]["content"]
    except (AttributeError, ValueError, LookupError, TypeError):
        return Said("", why=CLOUD_FAILED, cost_usd=mark.cost_usd)
    if not isinstance(text, str) or not text:
        return Said("", model, CLOUD_FAILED, mark.cost_usd)
    return Said(text, model, cost_usd=mark.cost_usd)


class _Received:
    """Takes the answer to an audit in place of a client."""

    def __init__(self) -> None:
        self.status = 0
        self.body = bytearray()
        self.ended = asyncio.Event()

    async def send(self, message: MutableMapping[str, Any]) -> None:
        self.status = message.get("status", self.status)
        self.body.extend(message.get("body", b""))
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.ended.set()


def _request(request: HttpRequest, body: bytes, mark: AuditMark) -> tuple[HttpRequest, _Received]:
    """Return the request as the gateway itself sends it again, for one answer in one piece."""
    received, unsent = _Received(), [body]

    async def receive() -> MutableMapping[str, Any]:
        if unsent:
            return {"type": "http.request", "body": unsent.pop(), "more_body": False}
        await received.ended.wait()  # this client leaves only when it has its answer
        return {"type": "http.disconnect"}

    headers = [(name, value) for name, value in request.headers if name not in _NOT_PASSED]
    headers.append((b"content-length", str(len(body)).encode()))
    scope = {
        "method": "POST",
        "path": request.path,
        "raw_path": request.path.encode("latin-1"),
        "query_string": request.query.encode("latin-1"),
        "headers": headers,
    }
    again = HttpRequest(scope, receive)
    again.audit = mark
    return again, received
