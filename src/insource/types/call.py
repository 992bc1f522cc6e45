"""A recorded call: what was asked, who answered, what it cost and why it went there."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from insource.types.base import Frozen
from insource.types.message import FinishReason, Usage

Outcome = Literal["ok", "error", "interrupted"]


class Route(Frozen):
    """Which model served a call, and why (``confident``, ``low-confidence``, ``local-failed`` …)."""

    to: Literal["local", "cloud"]
    model: str
    reason: str
    confidence: float | None = None
    threshold: float | None = None
    simulated: bool = False


class Call(Frozen):
    """One call to a model as the log keeps it."""

    call_id: str
    started_at: datetime
    task: str = ""
    model_asked: str
    model_answered: str = ""
    request: dict[str, Any]
    response_text: str = ""
    outcome: Outcome = "ok"
    finish_reason: FinishReason = "unknown"
    status: int | None = None
    error: str = ""
    usage: Usage = Usage()
    cost_usd: Decimal | None = None
    latency_s: float | None = None
    first_token_s: float | None = None
    simulated: bool = False
    route: Route | None = None
    tags: dict[str, str] = {}
