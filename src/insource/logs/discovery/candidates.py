"""What discovery reports: a task candidate, its versions, and the points of its fit with their reasons."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

from insource.logs.discovery.templates import Template
from insource.types import Frozen

Verdict = Literal["narrow", "perhaps", "not narrow"]


class Signal(Frozen):
    """One line of the score: ``points`` out of ``of``, and why in words."""

    name: str
    points: int
    of: int
    reason: str


class Version(Frozen):
    """One wording of a task's prompt, as long as it was in use."""

    template: Template
    calls: int
    first_seen: datetime
    last_seen: datetime

    @property
    def fingerprint(self) -> str:
        return self.template.fingerprint


class TaskCandidate(Frozen):
    """A group of untagged calls that look like one task.

    ``share`` is of all untagged calls read (ratio). ``cost_usd`` is the sum of what is known, None when
    nothing is; ``unpriced`` calls are not in it. ``monthly_cost_usd`` is that sum times a month over the
    span of the log, None when no price is known or the log spans less than a day. ``fit`` is the sum of
    the signals' points, out of 10; ``obstacles`` say why it is no narrow task whatever the points.
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
        """The commonest version's text, slots shown as ⟨…⟩."""
        return str(self.versions[0].template)


class Survey(Frozen):
    """All that was found. Every call read is in a candidate, ``scattered`` or ``unreadable``.

    ``scattered`` calls share no template with enough others; ``unreadable`` ones have no text in the log
    (metadata only, or an API that is not read). ``days`` is the span from the first to the last call.
    """

    candidates: tuple[TaskCandidate, ...]
    calls: int
    scattered: int
    unreadable: int
    days: float
    cost_usd: Decimal | None
    unpriced: int
