"""The results of discovery: task candidates, their prompt versions, and the points of their score."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

from insource.logs.discovery.templates import Template
from insource.types import Frozen

Verdict = Literal["narrow", "perhaps", "not narrow"]


class Signal(Frozen):
    """One line of the score: ``points`` out of ``of``, and the reason in words."""

    name: str
    points: int
    of: int
    reason: str


class Version(Frozen):
    """One wording of a task's prompt, with the period in which it was used."""

    template: Template
    calls: int
    first_seen: datetime
    last_seen: datetime

    @property
    def fingerprint(self) -> str:
        return self.template.fingerprint


class TaskCandidate(Frozen):
    """A group of untagged calls that look like one task.

    ``share`` is the share of all untagged calls read, between 0 and 1. ``cost_usd`` is the sum of the known
    costs, None when none is known; ``unpriced`` calls are not in it. ``monthly_cost_usd`` scales that sum
    from the span of the log to a month; None when no price is known or the log spans less than a day. ``fit``
    is the sum of the signals' points, out of 10. ``obstacles`` are the reasons why this is not a narrow task
    whatever its points.
    """

    name: str
    verdict: Verdict
    fit: int
    signals: tuple[Signal, ...]
    obstacles: tuple[str, ...]
    notes: tuple[str, ...]
    calls: int
    share: float
    calls_per_month: int | None
    cost_usd: Decimal | None
    monthly_cost_usd: Decimal | None
    unpriced: int
    distinct_inputs: int
    latency_s: float | None
    output_tokens: int | None
    models: dict[str, int]
    versions: tuple[Version, ...]
    call_ids: tuple[str, ...]

    @property
    def template(self) -> str:
        """The text of the most common version, with slots shown as ⟨…⟩."""
        return str(self.versions[0].template)


class Survey(Frozen):
    """The result of a survey. Every call read is in a candidate, ``scattered`` or ``unreadable``.

    ``scattered`` calls share no template with enough others. ``unreadable`` calls have no text in the log
    (metadata only, or an unsupported API). ``days`` is the span from the first to the last call.
    """

    candidates: tuple[TaskCandidate, ...]
    calls: int
    scattered: int
    unreadable: int
    days: float
    cost_usd: Decimal | None
    unpriced: int
