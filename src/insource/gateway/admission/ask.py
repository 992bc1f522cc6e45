"""Who may make a call, at whose cost: the question asked before any byte leaves, and its answer.

The gateway asks its ``Admitter`` once a request has been read and understood, and tells the
``Admission`` what the call cost when it is over. Which keys exist, and what they may spend, is not
known here.
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
    """A request as it came, and what the gateway has understood of it.

    ``path`` is without the prefixes that are ours. ``headers`` have lower-case names and hold the
    caller's key. ``upstream`` is the configured name of where the call would go, empty when it can only
    be answered here; ``endpoint`` the kind of call as ``Call.endpoint`` has it, empty for what is no
    model call (lists of models, files, batches). ``document`` is the parsed body, None where there is
    none or it cannot be read. ``local`` says that a model on this machine serves the task.
    ``likely_task`` is found for a call without a task by its prompt: a guess, which may bind a call and
    never frees it.
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


async def _nothing_to_settle(cost_usd: Decimal | None) -> None:
    """Without a budget the cost is nobody's concern."""


@dataclass(frozen=True, kw_only=True)
class Admission:
    """Leave to make a call.

    ``upstream_key`` replaces the caller's own key on the way out; None lets that one through. ``task``
    overrides what the caller's tags say. ``key_name`` is the name under which the log may know the
    caller, never the key. ``local_only`` forbids the call to leave this machine. ``settle`` is awaited
    exactly once, when the call is over: with its cost in US dollars, None when that is not known, and 0
    when nothing was sent.
    """

    upstream_key: SecretStr | None = None
    task: str | None = None
    key_name: str = ""
    local_only: bool = False
    settle: Callable[[Decimal | None], Awaitable[None]] = _nothing_to_settle


class Admitter(Protocol):
    """Decides about every call. Called on the event loop: what blocks goes into a thread."""

    async def recognise(self, headers: Headers) -> None:
        """Look at the caller before its request's body is read, which strangers could fill memory with.

        Raises:
            Refused: it is a stranger.
        """
        ...

    async def admit(self, asked: AdmissionRequest) -> Admission:
        """Leave for this call.

        Raises:
            Refused: there is none; nothing is to be settled then.
        """
        ...


class AdmitAll:
    """Everyone who can reach this address, each with a provider key of their own."""

    async def recognise(self, headers: Headers) -> None:
        """Nobody is a stranger."""

    async def admit(self, asked: AdmissionRequest) -> Admission:
        return Admission(task=asked.likely_task) if asked.likely_task else _WITHOUT_CONDITIONS


_WITHOUT_CONDITIONS = Admission()
