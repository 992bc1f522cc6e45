"""One recorded call: its request, its reply, its record, its admission and its route."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from msgspec.structs import replace

from insource.foundation.clock import to_microseconds
from insource.gateway.admission.ask import Admission
from insource.gateway.call.decisions_api import DecisionRequest
from insource.gateway.call.openai_api import ChatRequest, Logprobs, completion_body, completion_events
from insource.gateway.http.asgi import Headers, HttpReply, HttpRequest
from insource.logs.call_values import CallEnd
from insource.logs.recorder import Recording
from insource.providers import AnswerReader, Endpoint
from insource.providers.errors import ApiDialect, error_document
from insource.providers.prices import UNPRICED, UNREAD, Priced, first_priced
from insource.providers.tags import HEADER, Tags
from insource.providers.token_estimates import estimated
from insource.redaction import keys_in
from insource.routing.cascade import LocalAnswer
from insource.types import Completion, Policy, Route, Usage
from insource.types.call import Outcome

EVENT_STREAM = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]

CALL_ID = f"{HEADER}call-id".encode()
UNTAGGED = Tags()
HUNG_UP = "the client hung up"


@dataclass(slots=True)
class Exchange:
    """A call between its start on record and its end.

    ``document`` is the parsed body of the request, None if it cannot be read. ``reader`` holds what was
    read of an upstream's answer, and ``answer`` its bytes if they are recorded unchanged. ``stated_usd`` is
    the price in its headers. ``provider`` is the base URL of the upstream. ``own`` says that the call is
    for an insourced task by its model or its tag. ``policy`` and one of ``chat`` and ``decisions`` are set
    only for an insourced task. ``version`` is what was asked here, at the revision ``step`` of the
    deployment; ``said`` is the end on record. ``attempt`` is None if the local model was not asked, and
    ``route`` is None until it is decided. ``spent_usd`` is what the gateway asked of clouds on its own
    account cost, beside the call's own answer. ``otherwise`` answers the call where its upstream fails
    before it has begun to answer, and returns whether it did.
    """

    request: HttpRequest
    reply: HttpReply
    recording: Recording
    admission: Admission
    dialect: ApiDialect
    endpoint: Endpoint
    document: dict[str, Any] | None
    priced: Callable[[str, Usage, datetime, str, dict[str, Any] | None, str], Priced]
    provider: str = ""
    model: str = ""
    streams: bool = False
    reader: AnswerReader | None = None
    answer: bytes | None = None
    stated_usd: str = ""
    own: bool = False
    chat: ChatRequest | None = None
    decisions: DecisionRequest | None = None
    tags: Tags = UNTAGGED
    policy: Policy | None = None
    policy_digest: str = ""
    version: str = ""
    step: int = 0
    attempt: Attempt | None = None
    route: Route | None = None
    cost_usd: Decimal | None = None
    spent_usd: Decimal = Decimal(0)
    said: CallEnd | None = None
    otherwise: Callable[[], Awaitable[bool]] | None = None
    ended: bool = False
    settled: bool = False

    def take(
        self,
        to: Literal["local", "cloud"],
        model: str,
        reason: str,
        *,
        instead: str = "",
        fields: tuple[str, ...] = (),
    ) -> None:
        """Set the route of the answer. ``instead`` says what answers where no provider is asked, ``fields``
        which fields the cloud answered where the local model answered the others.
        """
        tried = self.attempt.completion if self.attempt else None
        self.route = Route(
            to=to,
            model=model,
            reason=f"{reason}, {instead}" if instead else reason,
            confidence=self.attempt.confidence if self.attempt else None,
            threshold=self.policy.threshold if self.policy else None,
            simulated=bool(instead),
            field_confidences=tried.field_confidences if tried else {},
            cloud_fields=fields,
            version=self.version,
            step=self.step,
            local_answer=tried.text if tried and to == "cloud" else "",
        )

    def spend(self, cost_usd: Decimal | None) -> None:
        """Count the cost of something that the gateway asked on its own account; None if it is unknown."""
        self.spent_usd += cost_usd or 0

    def headers(self) -> Headers:
        """Return the ``x-insource-*`` headers of the reply."""
        found = [(CALL_ID, self.recording.call_id.encode())]
        values = {} if self.policy is None else {"policy": describe_policy(self.policy)}
        if self.policy_digest:
            values["policy-digest"] = self.policy_digest
        if self.route is not None:
            values |= {"route": self.route.to, "model": self.route.model, "reason": self.route.reason}
            if self.route.confidence is not None:
                values["confidence"] = f"{self.route.confidence:.6g}"
            if self.route.simulated:
                values["simulated"] = "true"
            if self.route.cloud_fields:
                values["fields"] = ", ".join(self.route.cloud_fields)
            if self.route.version:
                values["version"] = self.route.version
            if self.cost_usd is not None:
                values["cost-usd"] = f"{self.cost_usd:f}"
        for name, value in values.items():
            found.append((f"{HEADER}{name}".encode(), value.encode("latin-1", "replace")))
        return found

    def end(self, end: CallEnd) -> None:
        """Record the end of the call with its route; a second end changes nothing."""
        if self.ended:
            return
        self.ended = True
        self.said = end
        if self.spent_usd and (end.cost_usd is not None or end.unpriced_because == ""):
            end = replace(end, cost_usd=self.spent_usd + (end.cost_usd or 0))
        self.cost_usd = end.cost_usd
        if self.route is not None:
            end = replace(end, route=self.route, simulated=self.route.simulated)
        if end.outcome != "ok":
            end = replace(end, keys=self._keys())
        self.recording.end_call(end)

    def _keys(self) -> tuple[str, ...]:
        """Return the caller's keys and the upstream's key, because an error or a page may repeat them."""
        sent = keys_in(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in self.request.headers_and_key
        )
        key = self.admission.upstream_key
        return sent if key is None else (*sent, key.get_secret_value())

    def end_as_read(self, outcome: Outcome, status: int | None = None, error: str = "") -> None:
        """Record the end of the call with what was read of the upstream's answer."""
        reader = self.reader
        if self.ended or reader is None:
            self.end(CallEnd(outcome=outcome, status=status, error=error))
            return
        usage, guessed = reader.usage if reader.answered else Usage(), False
        charged = reader.answered and outcome in ("ok", "interrupted")
        # The unit of the price of other endpoints is unknown
        if charged and self.endpoint != "other" and (usage.output_tokens is None or not reader.complete):
            usage, guessed = estimated(usage, self.document, reader.written)
        response = reader.response
        uncharged = UNPRICED if outcome == "error" else UNREAD
        priced = self._priced(reader.model, usage, response) if charged else uncharged
        self.end(
            CallEnd(
                response=response,
                response_bytes=self.answer if reader.strict else None,
                response_text=reader.text,
                outcome=outcome,
                finish_reason=reader.finish_reason,
                model_answered=reader.model,
                usage=usage,
                usage_estimated=guessed,
                cost_usd=priced.cost_usd,
                priced_by=priced.priced_by,
                unpriced_because=priced.unpriced_because,
                status=status,
                error=error or (reader.failure(status) if outcome == "error" else reader.unread),
            )
        )
        if status is not None and status >= 400:
            self.cost_usd = self.spent_usd  # providers do not charge for an error

    def _priced(self, model: str, usage: Usage, response: dict[str, Any] | None) -> Priced:
        """Return the price by the model that answered, else by the model that was asked."""
        at = self.recording.started_at
        return first_priced(
            (model, self.model),
            lambda name: self.priced(name, usage, at, self.provider, response, self.stated_usd),
        )

    async def settle(self) -> None:
        """Report the cost of the call to its admission, once."""
        if not self.settled:
            self.settled = True
            if self.request.audit is not None:
                free = self.route is not None and self.route.simulated
                self.request.audit.cost_usd = Decimal(0) if free else self.cost_usd
            await self.admission.settle(self.cost_usd)

    async def refuse(
        self,
        status: int,
        code: str,
        message: str,
        *,
        error: str = "",
        sent: bool = False,
        headers: Headers | None = None,
    ) -> None:
        """Record an error and answer with it. ``sent``: the request was sent, so it may have a cost."""
        error = error or f"{code}: {message}"
        self.end(CallEnd(outcome="error", finish_reason="error", status=status, error=error))
        if not sent:
            self.cost_usd = self.spent_usd
        await self.settle()
        body = error_document(self.dialect, status, code, message)
        await self.reply.whole(status, body, [*self.headers(), *(headers or [])])

    async def deliver(
        self,
        completion: Completion,
        priced: Priced = UNPRICED,
        body: bytes | None = None,
        logprobs: Logprobs | None = None,
    ) -> None:
        """Record a completion and answer with it, as ``body``, as a chat completion or as its events."""
        self.end(
            CallEnd(
                response_bytes=body,
                response_text=completion.text,
                finish_reason=completion.finish_reason,
                model_answered=completion.model,
                usage=completion.usage,
                cost_usd=priced.cost_usd,
                priced_by=priced.priced_by,
                unpriced_because=priced.unpriced_because,
                status=200,
            )
        )
        if priced.cost_usd is None and self.route is not None and self.route.to == "local":
            self.cost_usd = self.spent_usd  # no provider charges for it
        await self.settle()
        if body is not None:
            await self.reply.whole(200, body, self.headers())
            return
        identifier = self.recording.call_id
        created = to_microseconds(self.recording.started_at) // 1_000_000
        if self.chat is None or not self.chat.stream:
            await self.reply.whole(
                200, completion_body(completion, identifier, created, logprobs), self.headers()
            )
            return
        await self.reply.start(200, [*EVENT_STREAM, *self.headers()])
        include_usage = self.chat.include_usage
        for data in completion_events(
            completion, identifier, created, include_usage=include_usage, logprobs=logprobs
        ):
            await self.reply.chunk(data)
        await self.reply.finish()


def describe_policy(policy: Policy) -> str:
    """Return a short form of the policy: ``guaranteed; threshold=0.83``, or ``infeasible``."""
    return policy.basis if policy.threshold is None else f"{policy.basis}; threshold={policy.threshold:.6g}"


class Attempt(NamedTuple):
    """The result of a local attempt. If it failed, ``completion`` is None and ``error`` has the reason.

    ``why`` is the reason of the route where the outcome alone does not tell it: ``too-long`` or
    ``overloaded``, with the seconds after which to ask again.
    """

    outcome: LocalAnswer
    completion: Completion | None = None
    confidence: float | None = None
    error: str = ""
    why: str = ""
    retry_after_s: int = 0
