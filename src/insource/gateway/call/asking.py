"""Ask an upstream on the gateway's own account, and read its whole answer as a value.

Who takes the answer delivers it with its price; who does not counts the price with ``Exchange.spend``.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from insource.gateway.call.exchange import Exchange
from insource.gateway.http.asgi import Headers
from insource.gateway.http.connections import UpstreamFailed
from insource.gateway.http.upstream import Upstream
from insource.providers import open_reader
from insource.providers.prices import UNPRICED, Priced, first_priced
from insource.types import Completion, Message


class Question(NamedTuple):
    """What a cloud is asked beside the caller's own bytes. ``json_schema`` is what its answer has to fit."""

    messages: tuple[Message, ...]
    json_schema: dict[str, Any] | None = None


class Asked(NamedTuple):
    """An answer and its price."""

    completion: Completion
    priced: Priced = UNPRICED


class NotAnswered(Exception):
    """There is no whole answer: the upstream failed, refused, cut it short or wrote none."""


async def ask_upstream(
    exchange: Exchange, upstream: Upstream, path: str, provider: str, document: dict[str, Any]
) -> Asked:
    """Return the answer of a chat completion that the gateway asks for, with the caller's key or its own.

    Raises:
        NotAnswered: with the reason.
    """
    if exchange.admission.local_only and not upstream.local:
        raise NotAnswered("the task is local-only")
    body = json.dumps(document, ensure_ascii=False).encode()
    try:
        answer = await upstream.ask(
            exchange.request, path, body, key=exchange.admission.upstream_key, plain=True
        )
        reader = open_reader("chat", streamed=False, encoding=_encoding(answer.headers))
        try:
            while data := await answer.read():
                reader.feed(data)
        except BaseException:
            answer.abort()
            raise
    except UpstreamFailed as error:
        raise NotAnswered(f"{type(error).__name__}: {error}") from error
    upstream.pool.release(answer)
    reader.close()
    if answer.status >= 400 or reader.error or not reader.answered:
        raise NotAnswered(reader.failure(answer.status) or reader.unread or f"status {answer.status}")
    usage, at, response = reader.usage, exchange.recording.started_at, reader.response
    priced = first_priced(
        (reader.model, str(document.get("model", ""))),
        lambda name: exchange.priced(name, usage, at, provider, response, ""),
    )
    completion = Completion(
        text=reader.text, finish_reason=reader.finish_reason, model=reader.model, usage=usage
    )
    return Asked(completion, priced)


def _encoding(headers: Headers) -> str:
    """Return how an answer is compressed, which it may be although it was asked to be plain."""
    return next((value.decode("latin-1") for name, value in headers if name == b"content-encoding"), "")
