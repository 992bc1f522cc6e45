"""Compare answers of this machine with the cloud's, after the caller has the answer.

An audit is a call like any other, made by the gateway itself with the caller's own request and key: it is
admitted, so it obeys the key's budget and a task that may not leave; it is recorded, priced and marked with
the call that it is about. Which calls are audited depends on the call's id alone, never on the answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from decimal import Decimal
from typing import Any, NamedTuple

from insource.foundation.clock import SYSTEM, Clock
from insource.gateway.call.exchange import Attempt, Exchange
from insource.gateway.http.asgi import AuditMark, HttpReply, HttpRequest
from insource.gateway.rollout.predictions import Known, Predictions
from insource.gateway.rollout.traffic import Pick
from insource.gateway.settings import Registered, TaskSettings
from insource.gateway.tasks.answerer import Answerer
from insource.lifecycle.rollout import audit_probability
from insource.routing.cascade import decide
from insource.types.deployment import Audit, AuditSource, Compared
from insource.types.routing import Loss

_LOG = logging.getLogger(__name__)
Ask = Callable[[HttpRequest, HttpReply], Awaitable[None]]
MOST_UNDER_WAY = 16
_NOT_PASSED = frozenset(
    (b"content-length", b"transfer-encoding", b"accept-encoding", b"connection", b"expect")
)


class Draw(NamedTuple):
    """With which probability a call was drawn, whether it would have been without its doubt, and what its
    audit knows of the calls before.
    """

    probability: float
    uniform: bool = True
    known: Known = Known()


class Said(NamedTuple):
    """What the cloud said to a call: its text, the model, and what the question cost (None: unknown)."""

    text: str
    model: str
    cost_usd: Decimal | None = None


class Auditor:
    """Draws the calls of a task that are compared, and compares them.

    ``done`` holds the audits until the controller takes them. ``spent_usd`` is what today's audits cost,
    which the controller sets from the registry; ``skipped`` counts what was drawn and not compared, by its
    reason.
    """

    def __init__(self, own: TaskSettings, clock: Clock = SYSTEM) -> None:
        assert own.registered is not None
        self._registered: Registered = own.registered
        self._section = own.rollout
        self._task = own.task
        self._clock = clock
        self._ask: Ask | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        self.done: list[Audit] = []
        self.spent_usd = Decimal(0)
        self.unpriced = 0
        self.more = 1.0
        self._predictions: dict[str, Predictions] = {}
        self.skipped: Counter[str] = Counter()

    def open(self, ask: Ask) -> None:
        """Begin; ``ask`` handles a request as one that came over HTTP."""
        self._ask = ask

    def state(self) -> dict[str, Any]:
        """Return what ``/health`` tells."""
        return {
            "under_way": len(self._under_way),
            "spent_today_usd": str(self.spent_usd),
            "without_known_price": self.unpriced,
            "skipped": dict(self.skipped),
        }

    async def finish(self, within_s: float) -> None:
        """Wait a moment for the audits under way, and give up the others."""
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=within_s)
            for one in late:
                one.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def after(self, exchange: Exchange, pick: Pick) -> None:
        """Draw whether the call is compared, and do it in the background.

        A version in shadow is asked on calls that the cloud answered. Where a champion answers, it is asked
        on the champion's audited calls too, with the same probability, so that its sample is uniform.
        """
        if self._ask is None or exchange.chat is None or exchange.route is None:
            return
        local = exchange.route.to == "local"
        predictions = self._predicted(exchange, pick) if local else None
        number = _number(exchange.recording.call_id, pick.snapshot.salt)
        every = self._probability(pick, local=local)
        doubt = self._section.doubtful_audits if local and _doubtful(exchange, pick) else 1.0
        draw = Draw(min(1.0, every * doubt), number < every)
        if number >= draw.probability:
            return
        if exchange.admission.local_only or self._task.privacy == "local-only":
            self.skipped["local-only"] += 1
        elif len(self._under_way) >= MOST_UNDER_WAY:
            self.skipped["too-many"] += 1
        elif local and self.spent_usd >= Decimal(str(self._section.audit_usd_per_day)):
            self.skipped["budget"] += 1
        else:
            if predictions is not None and draw.uniform:
                draw = draw._replace(known=predictions.take())
            task = asyncio.create_task(self._compare(exchange, pick, draw))
            self._under_way.add(task)
            task.add_done_callback(self._ended)

    def _predicted(self, exchange: Exchange, pick: Pick) -> Predictions | None:
        """Take the predicted error of a served answer, and return those of its version."""
        sure = exchange.attempt.confidence if exchange.attempt is not None else None
        if sure is None or pick.answerer is None or not 0 <= sure <= 1:
            return None
        of_version = self._predictions.setdefault(pick.answerer.name, Predictions())
        of_version.add(sure)
        return of_version

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.skipped["failed"] += 1
            _LOG.error("an audit failed", exc_info=error)

    def _probability(self, pick: Pick, *, local: bool) -> float:
        section, now = self._section, pick.snapshot
        if not local:
            if pick.shadow is None:
                return 0.0
            return section.shadow_share if now.champion is None else section.audit_share
        in_canary = pick.answerer is not None and pick.answerer is now.challenger
        share = audit_probability(section, now.share) if in_canary else section.audit_share
        return min(1.0, share * self.more)

    async def _compare(self, exchange: Exchange, pick: Pick, draw: Draw) -> None:
        local = exchange.route is not None and exchange.route.to == "local"
        said = await self._second(exchange) if local else _first(exchange)
        if said is None:
            self.skipped["cloud-failed"] += 1
            return
        if local and exchange.attempt is not None and pick.answerer is not None:
            source: AuditSource = "canary" if pick.answerer is pick.snapshot.challenger else "live"
            self._note(exchange, pick, pick.answerer, exchange.attempt, said, source, draw)
        if pick.shadow is not None:
            await self._shadow(exchange, pick, pick.shadow, said, draw)

    async def _shadow(self, exchange: Exchange, pick: Pick, shadow: Answerer, said: Said, draw: Draw) -> None:
        document = None if exchange.chat is None else shadow.document_of(exchange.chat)
        if document is None or shadow.local is None:
            return
        attempt = await shadow.attempt(document)
        if attempt.why:  # its slots are taken, or the document is too long: nothing was answered
            self.skipped[attempt.why] += 1
            return
        self._note(exchange, pick, shadow, attempt, said, "shadow", draw)

    def _note(
        self,
        exchange: Exchange,
        pick: Pick,
        version: Answerer,
        attempt: Attempt,
        said: Said,
        source: AuditSource,
        draw: Draw,
    ) -> None:
        to, _ = decide(version.policy, attempt.confidence, attempt.outcome)
        text = attempt.completion.text if attempt.completion is not None else ""
        differs = self._registered.compare(text, said.text)
        if differs is None:
            self.skipped["cloud-invalid"] += 1
            return
        priced = source != "shadow" and said.cost_usd is not None
        self.unpriced += source != "shadow" and said.cost_usd is None
        self.spent_usd += said.cost_usd or 0 if source != "shadow" else 0
        self.done.append(
            Audit(
                task=self._task.name,
                version=version.name,
                call_id=exchange.recording.call_id,
                at=self._clock.now(),
                source=source,
                uniform=draw.uniform,
                weight=1 / draw.probability,
                served=True if source != "shadow" else to == "local",
                wrong=_wrong(version.policy.loss, differs, exchange.recording.call_id),
                wrong_fields=differs.wrong_fields,
                fields=differs.fields,
                confidence=attempt.confidence,
                **(draw.known._asdict() if source != "shadow" else {}),
                step=pick.snapshot.step,
                cloud_model=said.model,
                cost_usd=said.cost_usd if priced else None,
            )
        )

    async def _second(self, exchange: Exchange) -> Said | None:
        """Ask the cloud what was answered here; None where it does not answer."""
        assert self._ask is not None
        document = {
            name: value
            for name, value in (exchange.document or {}).items()
            if name not in ("stream", "stream_options")
        }
        request, received = _request(
            exchange.request, json.dumps(document).encode(), exchange.recording.call_id
        )
        await self._ask(request, HttpReply(received.send))
        if received.status != 200:
            return None
        try:
            answer = json.loads(bytes(received.body))
            text = answer["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError):
            return None
        if not isinstance(text, str):
            return None
        assert request.audit is not None
        return Said(text, str(answer.get("model", "")), request.audit.cost_usd)


def _wrong(loss: Loss, differs: Compared, call_id: str) -> bool:
    """Return whether the answer counts as wrong under what the policy bounds.

    For documents, any field that differs; otherwise whether one field of the answer differs, which the id of
    the call draws. So the chance is the share of its fields, and each audit is one trial.
    """
    if loss == "documents":
        return differs.wrong_fields > 0
    return _number(call_id, "field") * max(1, differs.fields) < differs.wrong_fields


def _doubtful(exchange: Exchange, pick: Pick) -> bool:
    """Return whether an answer that was served is in the lower half between the threshold and certainty."""
    sure = exchange.attempt.confidence if exchange.attempt is not None else None
    threshold = pick.answerer.policy.threshold if pick.answerer is not None else None
    return sure is not None and threshold is not None and sure < (1 + threshold) / 2


def _first(exchange: Exchange) -> Said | None:
    """Return what the caller got from the cloud, None where it was no whole answer."""
    said = exchange.said
    if said is None or said.outcome != "ok" or not said.response_text:
        return None
    return Said(said.response_text, said.model_answered)


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


def _request(request: HttpRequest, body: bytes, of: str) -> tuple[HttpRequest, _Received]:
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
    again.audit = AuditMark(of)
    return again, received


def _number(call_id: str, salt: str) -> float:
    """Return a number in [0, 1) that depends on the call's id alone."""
    digest = hashlib.blake2b(f"audit\0{salt}\0{call_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64
