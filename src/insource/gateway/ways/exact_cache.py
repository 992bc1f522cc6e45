"""Answer a call that is exactly like an earlier one with the earlier answer, for a while.

The answers stay in the log, where a purge removes them; what is kept here is where they are.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple

from insource.foundation.canonical import digest
from insource.foundation.errors import InsourceError
from insource.gateway.call.exchange import Exchange
from insource.providers.prices import Priced
from insource.store.calls.calls import get_call
from insource.store.database import Database
from insource.types import Completion, Route
from insource.types.ways import Destination

CACHED = "cached"
ALREADY_PAID = Priced(Decimal(0), "an earlier call")
STORED_S = 30.0
"""After this time a call that is not in the store was purged."""
MOST = 100_000
"""Calls that are remembered; the one that was asked for longest ago is forgotten first."""


class _Kept(NamedTuple):
    call_id: str
    text: str  # its digest: a log that redacted a part of the answer does not have it any more
    since: float
    until: float
    route: Route


class ExactCache:
    """The earlier answers of a task's versions. ``lifetime_s`` of 0 keeps none."""

    def __init__(
        self, database: Database, lifetime_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._lifetime_s = lifetime_s
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def key(self, exchange: Exchange, version: str, document: str, use: Sequence[Destination]) -> str:
        """Return what two calls that may share an answer have in common; empty where nothing is kept.

        That is the version, its policy, the document, the ways that the call may ``use``, and everything else
        that the request says about the answer: how it is sent does not matter.
        """
        chat = exchange.chat
        if not self._lifetime_s or chat is None or chat.logprobs:
            return ""
        said = {
            name: value
            for name, value in (exchange.document or {}).items()
            if name not in ("model", "stream", "stream_options", "metadata", "user", "seed")
        }
        policy = exchange.policy and exchange.policy.model_dump(mode="json")
        return digest([version, policy, document, said, list(use), exchange.admission.local_only])

    async def found(self, key: str) -> tuple[Completion, Route] | None:
        """Return the earlier answer and how it was made; None where there is none, or it is too old."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        now = self._clock()
        if kept.until <= now:
            del self._kept[key]
            return None
        try:
            call = await asyncio.to_thread(get_call, self._database, kept.call_id)
        except InsourceError:
            return None
        if call is None or _digest(call.response_text) != kept.text:
            if call is not None or now - kept.since > STORED_S:
                self._kept.pop(key, None)  # redacted, or purged
            return None
        self._kept.move_to_end(key)
        return Completion(text=call.response_text, model=call.model_answered), kept.route

    def keep(self, key: str, exchange: Exchange) -> None:
        """Remember the call's answer, if it is whole and nobody doubts it."""
        end, route = exchange.said, exchange.route
        if not key or end is None or route is None or end.outcome != "ok" or end.finish_reason != "stop":
            return
        if route.to == "local" and route.reason != "confident":
            return
        now = self._clock()
        if key in self._kept and self._kept[key].until > now:
            return  # the earlier call may not be in the store yet, and this one is later
        call_id, text = exchange.recording.call_id, _digest(end.response_text)
        self._kept[key] = _Kept(call_id, text, now, now + self._lifetime_s, route)
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)


def _digest(text: str | None) -> str:
    return hashlib.sha256((text or "").encode("utf-8", "surrogatepass")).hexdigest()
