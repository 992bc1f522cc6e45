"""The protocol between a call and its admission: what is asked, and what the answer holds.

The gateway asks its ``Admitter`` after it has read a request and before it sends a byte. When the call is
over, it tells the ``Admission`` the cost. This module knows neither keys nor budgets.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from pydantic import SecretStr

from insource.gateway.http.asgi import Headers
from insource.providers.tags import Tags


@dataclass(frozen=True, kw_only=True)
class AdmissionRequest:
    """A request, and what the gateway understood of it.

    ``path`` has no prefixes of the gateway (``/t/…``, ``/u/…``). ``headers`` have lower-case names and hold
    the caller's key. ``upstream`` is the configured name of the call's upstream, empty if only this gateway
    can answer. ``endpoint`` is the kind of call as in ``Call.endpoint``, empty for other requests (lists of
    models, files, batches). ``document`` is the parsed body, None if it is missing or cannot be read.
    ``local`` means that a model on this machine serves the task. ``likely_task`` is a guess from the prompt,
    for a call without a task. A guess may restrict a call; it never lifts a restriction. ``unread`` means
    that a prompt was sent that cannot be read, so that nothing could be guessed. ``audit`` marks a call that
    the gateway makes itself, to compare an answer that its caller has: it takes nothing of the caller's
    budget and rate.
    """

    method: str
    path: str
    headers: Headers
    body: bytes
    document: dict[str, Any] | None
    tags: Tags
    upstream: str
    endpoint: str
    model: str
    local: bool = False
    likely_task: str = ""
    unread: bool = False
    audit: bool = False


async def _nothing_to_settle(cost_usd: Decimal | None) -> None:
    """Do nothing: without a budget no cost is counted."""


@dataclass(frozen=True, kw_only=True)
class Admission:
    """The permission to make a call.

    ``upstream_key`` replaces the caller's key in the forwarded request; None forwards the caller's key.
    ``task`` overrides the caller's tag. ``key_name`` is the name of the caller's key for the log, never the
    key. ``local_only`` means that the call must not leave this machine. ``settle`` is awaited exactly once,
    when the call is over, with the cost in US dollars: None if it is unknown, 0 if nothing was sent.
    """

    upstream_key: SecretStr | None = None
    task: str | None = None
    key_name: str = ""
    local_only: bool = False
    settle: Callable[[Decimal | None], Awaitable[None]] = _nothing_to_settle


class Admitter(Protocol):
    """Decides about every call. It runs on the event loop, so blocking work needs a thread."""

    async def recognise(self, headers: Headers) -> str:
        """Check the caller before the body is read, because a large body takes memory.

        Returns the task that the caller's key is bound to, empty if it is bound to none or to several.

        Raises:
            Refused: the caller is unknown.
        """
        ...

    async def admit(self, asked: AdmissionRequest) -> Admission:
        """Return the permission to make this call.

        Raises:
            Refused: the call may not be made. Nothing is to be settled then.
        """
        ...


class AdmitAll:
    """Admits everyone who can reach the gateway; each caller sends a provider key of their own."""

    async def recognise(self, headers: Headers) -> str:
        """Accept every caller."""
        return ""

    async def admit(self, asked: AdmissionRequest) -> Admission:
        return Admission(task=asked.likely_task) if asked.likely_task else _WITHOUT_CONDITIONS


_WITHOUT_CONDITIONS = Admission()
