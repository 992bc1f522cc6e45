"""One chat completion on its way: the request, the reply, the record, and the route it takes."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from insource.clock import to_microseconds
from insource.gateway.http import Headers, HttpReply, HttpRequest
from insource.gateway.local import Attempt
from insource.gateway.openai_api import ChatRequest, completion_body, completion_events
from insource.logs.recorder import Recording
from insource.types import Completion, Policy, Route

EVENT_STREAM = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]


@dataclass
class Exchange:
    """``attempt`` is None when the local model was not asked; ``route`` is None until it is decided."""

    request: HttpRequest
    reply: HttpReply
    recording: Recording
    chat: ChatRequest
    policy: Policy
    attempt: Attempt | None = None
    route: Route | None = None

    def take(
        self, to: Literal["local", "cloud"], model: str, reason: str, *, simulated: bool = False
    ) -> None:
        """Settle where the answer comes from. A simulated cloud is named wherever the reason is shown."""
        self.route = Route(
            to=to,
            model=model,
            reason=f"{reason}, simulated cloud" if simulated else reason,
            confidence=self.attempt.confidence if self.attempt else None,
            threshold=self.policy.threshold,
            simulated=simulated,
        )

    def headers(self) -> Headers:
        """The ``x-insource-*`` headers of the reply."""
        values = {"call-id": self.recording.call_id, "policy": describe_policy(self.policy)}
        if self.route is not None:
            values |= {"route": self.route.to, "model": self.route.model, "reason": self.route.reason}
            if self.route.confidence is not None:
                values["confidence"] = f"{self.route.confidence:.6g}"
            if self.route.simulated:
                values["simulated"] = "true"
        return [
            (f"x-insource-{name}".encode(), value.encode("latin-1", "replace"))
            for name, value in values.items()
        ]

    def end(self, **fields: Any) -> None:
        """Write the end of the call with its route; a second end changes nothing."""
        simulated = None if self.route is None else self.route.simulated
        self.recording.end(route=self.route, simulated=simulated, **fields)

    async def refuse(self, status: int, code: str, message: str, *, error: str = "") -> None:
        """Answer with an error, on the record."""
        self.end(outcome="error", finish_reason="error", status=status, error=error or f"{code}: {message}")
        await self.reply.error(status, code, message, self.headers())

    async def deliver(self, completion: Completion, cost_usd: Decimal | None = None) -> None:
        """Answer with a completion, whole or as the events that were asked for; on the record first."""
        self.end(
            response_text=completion.text,
            finish_reason=completion.finish_reason,
            model_answered=completion.model,
            usage=completion.usage,
            cost_usd=cost_usd,
            status=200,
        )
        identifier = self.recording.call_id
        created = to_microseconds(self.recording.started_at) // 1_000_000
        if not self.chat.stream:
            await self.reply.whole(200, completion_body(completion, identifier, created), self.headers())
            return
        await self.reply.start(200, [*EVENT_STREAM, *self.headers()])
        include_usage = self.chat.include_usage
        for data in completion_events(completion, identifier, created, include_usage=include_usage):
            await self.reply.chunk(data)
        await self.reply.finish()


def describe_policy(policy: Policy) -> str:
    """``guaranteed; threshold=0.83``, or ``infeasible``."""
    return policy.basis if policy.threshold is None else f"{policy.basis}; threshold={policy.threshold:.6g}"
