"""What a gateway needs to know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from insource.logs.recorder import Recorder
from insource.models.protocol import Model
from insource.types import Completion, Policy, Task, Usage

AUTO = "insource/auto"


@dataclass(frozen=True)
class HttpCloud:
    """An OpenAI-compatible API. ``base_url`` is what its clients are given, version included."""

    model: str
    base_url: str
    timeout_s: float = 600.0
    connect_timeout_s: float = 10.0


@dataclass(frozen=True, kw_only=True)
class GatewaySettings:
    """One task behind one address.

    ``cloud`` is an API, or a ``Model`` that stands in for one; without it nothing can be escalated.
    ``confidence`` judges a local answer; None from it means unknown. ``price`` gives what a cloud call
    cost, from model, usage and start. ``engine_alive`` is what ``/health`` asks. ``local_slots`` is how
    many documents the local model takes at a time, ``max_tokens`` its longest answer.
    """

    task: Task
    policy: Policy
    recorder: Recorder
    local: Model | None = None
    cloud: HttpCloud | Model | None = None
    confidence: Callable[[Completion], float | None] = lambda completion: None
    price: Callable[[str, Usage, datetime], Decimal | None] = lambda model, usage, at: None
    engine_alive: Callable[[], bool] = lambda: True
    max_tokens: int = 512
    local_slots: int = 1
    max_body_bytes: int = 8 << 20
    drain_interval_s: float = 1.0
