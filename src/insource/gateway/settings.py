"""The settings of a gateway."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from insource.gateway.admission.ask import AdmitAll, Admitter
from insource.gateway.http.address import UpstreamSettings
from insource.logs.recorder import Recorder
from insource.models.protocol import Model, Request
from insource.providers.billing import billing_of
from insource.providers.prices import Priced, PriceTable
from insource.types import Completion, Policy, Task, Usage

AUTO = "insource/auto"
REFERENCE = "reference"  # the name of the upstream that a task escalates to

StreamUsage = Literal["estimate", "inject"]


@dataclass(frozen=True)
class HttpCloud:
    """An OpenAI-compatible API. ``base_url`` includes the version, as its clients expect it."""

    model: str
    base_url: str
    timeout_s: float = 600.0
    connect_timeout_s: float = 10.0


@dataclass(frozen=True, kw_only=True)
class PassThrough:
    """Which calls are forwarded, to which upstreams. These settings may change while the server runs.

    ``stream_usage`` applies to a stream whose caller did not ask for token counts. ``estimate`` estimates
    them; ``inject`` asks the upstream for them and removes them from the answer. ``max_body_bytes`` limits
    the body of a call, which is held in memory. ``max_upload_bytes`` limits the body of a file or a batch,
    which is not. ``task_of`` takes the document of a request without a task and returns the task that the
    discovered rules name, or an empty string.
    """

    upstreams: tuple[UpstreamSettings, ...] = ()
    admission: Admitter = field(default_factory=AdmitAll)
    stream_usage: StreamUsage = "estimate"
    max_body_bytes: int = 64 << 20
    max_upload_bytes: int = 512 << 20
    task_of: Callable[[dict[str, Any]], str] | None = None


@dataclass(frozen=True, kw_only=True)
class GatewaySettings:
    """Upstreams to forward calls to, a task to answer here, or both.

    ``cloud`` is what the task escalates to: an API, or a ``Model`` in its place. Without it nothing can be
    escalated. ``ask`` makes the local model's request for a document; without it, that is the task's prompt
    under its grammar, with at most ``max_tokens`` in the answer. ``confidence`` returns how sure the local
    model is of an answer that does not state its own confidence, None where that is unknown. ``local_slots``
    is the number of documents that the local model answers at the same time. ``/health`` calls
    ``engine_alive``. All of these are used only with a ``task``.

    ``prices`` is the price table. Without it, ``price`` returns the cost of a call from its model, usage and
    start, and ``priced_by`` names that source. ``retention_days`` and ``retention_gb`` limit the log; None
    keeps everything.
    """

    recorder: Recorder
    pass_through: PassThrough = PassThrough()
    task: Task | None = None
    policy: Policy | None = None
    local: Model | None = None
    cloud: HttpCloud | Model | None = None
    ask: Callable[[str], Request] | None = None
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
        self,
        model: str,
        usage: Usage,
        at: datetime,
        provider: str,
        response: dict[str, Any] | None,
        stated_usd: str = "",
    ) -> Priced:
        """Return the cost of an upstream's call and its source.

        ``provider`` is the upstream's base URL, ``stated_usd`` the price in the answer's headers.
        """
        if self.prices is None:
            cost = self.price(model, usage, at)
            return Priced(cost, "" if cost is None else self.priced_by)
        billing = billing_of(response, stated_usd=stated_usd)
        return self.prices.price(model, usage, at, provider=provider, billing=billing)
