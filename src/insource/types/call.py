"""A recorded call: the request, the answer, its cost and its route."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from insource.types.base import Frozen
from insource.types.message import FinishReason, Usage

Outcome = Literal["ok", "error", "interrupted", "unread"]
"""``interrupted``: the answer broke off. ``unread``: the provider answered without an error, but what came
could not be read as an answer, or only promised one; tokens and cost are unknown.
"""


class Route(Frozen):
    """The model that served a call, and the reason (``confident``, ``low-confidence``,
    ``local-failed`` …). ``field_confidences`` are those that a fitted model stated of its answer.
    ``cloud_fields`` are those that the cloud answered where the local model answered the others.
    ``version`` is the version that was asked here, at the revision ``step`` of the task's deployment.
    ``local_answer`` is what it answered where the cloud's answer was served instead.
    """

    to: Literal["local", "cloud"]
    model: str
    reason: str
    confidence: float | None = None
    threshold: float | None = None
    simulated: bool = False
    field_confidences: dict[str, float] = {}
    cloud_fields: tuple[str, ...] = ()
    version: str = ""
    step: int = 0
    local_answer: str = ""


class Call(Frozen):
    """One call to a model, as the log stores it.

    ``source`` says how the call was recorded: ``gateway``, ``wrap``, ``recorder``, ``arm`` (asked
    for an evaluation) or ``import:<format>``.
    ``endpoint`` is the kind of call (``chat``, ``responses``, ``messages``, ``embeddings`` …), ``provider``
    the configured name of the upstream. ``response`` is the whole answer document (a stream is assembled into
    one); ``response_text`` is its text. Of an answer that could not be read, ``response`` has the start as
    ``{"unread": text, "bytes": its length}``, and ``error`` the reason. ``usage_estimated`` marks token
    counts that Insource estimated because the provider did not report them. ``priced_by`` names the price
    table and its date; ``unpriced_because`` is the reason why the cost of an answered call is unknown.
    ``token_gap_s`` is the mean time between two pieces of a streamed answer, in seconds. ``raw`` is an
    imported record as it was read.

    Examples:
        >>> from datetime import UTC, datetime
        >>> from insource import Call
        >>> call = Call(
        ...     call_id="c1",
        ...     started_at=datetime(2026, 1, 2, tzinfo=UTC),
        ...     task="specs",
        ...     model_asked="gpt-4o-mini",
        ...     request={"messages": [{"role": "user", "content": "Rated voltage: 480 V"}]},
        ...     response_text='{"voltage": "480 V"}',
        ... )
        >>> call.outcome, call.partial
        ('ok', False)
    """

    call_id: str
    started_at: datetime
    source: str = "recorder"
    task: str = ""
    feature: str = ""
    prompt_version: str = ""
    user: str = ""
    provider: str = ""
    endpoint: str = ""
    model_asked: str
    model_answered: str = ""
    request: dict[str, Any]
    response: dict[str, Any] | None = None
    response_text: str = ""
    streamed: bool = False
    outcome: Outcome = "ok"
    finish_reason: FinishReason = "unknown"
    status: int | None = None
    error: str = ""
    usage: Usage = Usage()
    usage_estimated: bool = False
    cost_usd: Decimal | None = None
    priced_by: str = ""
    unpriced_because: str = ""
    latency_s: float | None = None
    first_token_s: float | None = None
    token_gap_s: float | None = None
    simulated: bool = False
    route: Route | None = None
    tags: dict[str, str] = {}
    raw: dict[str, Any] | None = None

    @property
    def partial(self) -> bool:
        """Whether the call was interrupted and only the first part of the answer was recorded."""
        return self.outcome == "interrupted" and bool(self.response_text or self.response)
