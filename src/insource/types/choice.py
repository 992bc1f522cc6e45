"""Which arm may replace the cloud, chosen before the test split is looked at."""

from __future__ import annotations

from insource.types.base import Frozen
from insource.types.estimate import Estimate
from insource.types.evaluation import Effort, Role


class Trial(Frozen):
    """One arm on the validation split: its primary metric there, its effort and its cost."""

    arm: str
    kind: str
    role: Role
    value: Estimate
    effort: Effort | None = None
    cost_per_1000_usd: float | None = None


class Choice(Frozen):
    """The candidate that the test split is to judge, and what it is compared with first.

    ``candidate`` is the cheapest arm whose ``metric`` on the validation split is within ``margin`` (ratio) of
    the best. ``baseline`` is the arm of the primary comparison: the cloud that does best there, or without
    one the best arm that is no candidate; empty when there is none.
    """

    candidate: str
    baseline: str
    metric: str
    margin: float
    trials: tuple[Trial, ...]
    reason: str
