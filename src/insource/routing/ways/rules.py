"""Choose the rule that a call falls under."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import Literal, NamedTuple

from insource.types.ways import Rule

Fail = Literal["expensive", "closed"]
"""What an unknown cost counts as: not spent, so that the cloud may be asked, or spent."""


class Spent(NamedTuple):
    """What the clouds have cost a task today. ``whole`` says that the cost of every call is known."""

    usd: float
    whole: bool = True


class CallFacts(NamedTuple):
    """What rules ask about a call. ``wait_s`` is how long it would wait for the local model, in seconds."""

    at: datetime
    key: str = ""
    user: str = ""
    feature: str = ""
    spent: Spent = Spent(0.0)
    wait_s: float = 0.0


def rule_for(rules: Sequence[Rule], call: CallFacts, fail: Fail) -> Rule | None:
    """Return the first rule whose conditions a call meets, None if it meets those of none."""
    return next((rule for rule in rules if _meets(rule, call, fail)), None)


def _meets(rule: Rule, call: CallFacts, fail: Fail) -> bool:
    named = ((rule.keys, call.key), (rule.users, call.user), (rule.features, call.feature))
    if any(wanted and value not in wanted for wanted, value in named):
        return False
    if rule.hours and not _within(rule.hours, call.at):
        return False
    if rule.spent_usd is not None and call.spent.usd < rule.spent_usd:
        known = call.spent.whole or fail == "expensive"
        if known:
            return False
    return rule.local_slower_than_s is None or call.wait_s > rule.local_slower_than_s


def _within(hours: str, at: datetime) -> bool:
    """Return whether a time is in ``HH:MM-HH:MM``, which may go past midnight and is without its end."""
    start, end = (time.fromisoformat(part) for part in hours.split("-"))
    now = at.astimezone(UTC).time()
    return start <= now < end if start <= end else now >= start or now < end
