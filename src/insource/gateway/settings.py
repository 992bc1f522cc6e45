"""What a gateway needs to know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from insource.gateway.admission.ask import AdmitAll, Admitter
from insource.gateway.http.address import UpstreamSettings
from insource.logs.recorder import Recorder
from insource.models.protocol import Model
from insource.providers.prices import Priced, PriceTable, billing_of
from insource.types import Completion, Policy, Task, Usage

AUTO = "insource/auto"
REFERENCE = "reference"  # the upstream that a task escalates to

StreamUsage = Literal["estimate", "inject"]


@dataclass(frozen=True)
class HttpCloud:
    """An OpenAI-compatible API. ``base_url`` is what its clients are given, version included."""

    model: str
    base_url: str
    timeout_s: float = 600.0
    connect_timeout_s: float = 10.0


@dataclass(frozen=True, kw_only=True)
class PassThrough:
    """What is forwarded, and for whom; the part of the settings that may change while the server runs.

    ``stream_usage`` says what to do about a stream whose caller did not ask for token counts: estimate
    them, or ask upstream and strip the answer to that. Limits are in bytes: ``max_body_bytes`` for calls,
    which are held in memory, ``max_upload_bytes`` for files, which are not. ``task_of`` finds the task
    of a request's document whose caller names none; empty where it finds none.
    """

    upstreams: tuple[UpstreamSettings, ...] = ()
    admission: Admitter = field(default_factory=AdmitAll)
    stream_usage: StreamUsage = "estimate"
    max_body_bytes: int = 64 << 20
    max_upload_bytes: int = 512 << 20
    task_of: Callable[[dict[str, Any]], str] | None = None


@dataclass(frozen=True, kw_only=True)
class GatewaySettings:
    """Upstreams to pass calls on to, a task to answer here, or both.

    ``cloud`` is where the task escalates to: an API, or a ``Model`` that stands in for one; without it
    nothing can be escalated. ``confidence`` judges a local answer; None from it means unknown. ``prices``
    is the table that calls are priced by; without one, ``price`` gives what a call cost, from model, usage
    and start, and ``priced_by`` names it. ``engine_alive``
    is what ``/health`` asks. ``local_slots`` is how many documents the local model takes at a time,
    ``max_tokens`` its longest answer. Without ``task`` all of that is unused.
    ``retention_days`` and ``retention_gb`` are the limits of the log; None keeps everything.
    """

    recorder: Recorder
    pass_through: PassThrough = PassThrough()
    task: Task | None = None
    policy: Policy | None = None
    local: Model | None = None
    cloud: HttpCloud | Model | None = None
    confidence: Callable[[Completion], float | None] = lambda completion: None
    prices: PriceTable | None = None
    price: Callable[[str, Usage, datetime], Decimal | None] = lambda model, usage, at: None
    priced_by: str = ""
    engine_alive: Callable[[], bool] = lambda: True
    max_tokens: int = 512
    local_slots: int = 1
    drain_interval_s: float = 1.0
    retention_days: float | None = None
    retention_gb: float | None = None

    def priced(
        self, model: str, usage: Usage, at: datetime, provider: str, response: dict[str, Any] | None
    ) -> Priced:
        """What an upstream's call cost and by which table. ``provider`` is the upstream's base URL."""
        if self.prices is None:
            cost = self.price(model, usage, at)
            return Priced(cost, "" if cost is None else self.priced_by)
        return self.prices.price(model, usage, at, provider=provider, billing=billing_of(response))
