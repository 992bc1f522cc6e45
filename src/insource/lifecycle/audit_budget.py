"""When the audits of a task stop for the day, and what an operator is told of it."""

from __future__ import annotations

from decimal import Decimal

from insource.types.deployment import Spent

BUDGET, PRICE_UNKNOWN, NO_DECISIONS = "budget", "price-unknown", "no-decisions"

HELD = {
    BUDGET: "the audits of today have cost rollout.audit_usd_per_day; they go on at midnight UTC, or with "
    "a higher limit",
    PRICE_UNKNOWN: "the price of the cloud's answers is unknown, so rollout.audit_usd_per_day cannot hold: "
    "set it under [prices.models], or rollout.audit_usd_per_day = inf for no limit",
    NO_DECISIONS: "the task's cloud does not answer typed decisions, so that they cannot be compared: decide "
    "it yourself with insource deploy promote --force",
}
"""What is said where no audit is made for one of these reasons, so that a step holds."""


def stopped_by(spent: Spent, usd_per_day: float) -> str:
    """Return why no further audit may be made today, empty if one may; a limit of infinity is none."""
    limit = Decimal(str(usd_per_day))
    if limit.is_infinite():
        return ""
    if spent.usd >= limit:
        return BUDGET
    return PRICE_UNKNOWN if spent.unpriced else ""
