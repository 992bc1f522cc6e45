"""Which arm may replace the cloud, chosen before the test split is looked at."""

from __future__ import annotations

from insource.types.base import Frozen
from insource.types.estimate import Estimate
from insource.types.evaluation import Effort, Role

HYBRID = "hybrid"
"""The name of the arm that is made of other arms."""


class Trial(Frozen):
    """One arm on the validation split: its primary metric there, its effort and its cost.

    ``on_equal_terms`` is the metric as it is expected on the documents of the arm that was asked about most,
    from the paired difference on common documents: arms are chosen by it, not by figures of different
    documents. ``note`` says why an arm could not be chosen.
    """

    arm: str
    kind: str
    role: Role
    value: Estimate
    effort: Effort | None = None
    cost_per_1000_usd: float | None = None
    on_equal_terms: float | None = None
    note: str = ""


class HybridParts(Frozen):
    """Which arm answers which field: ``source`` by top-level field, ``default`` for the others."""

    default: str
    source: dict[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """The arms that answer, the default first."""
        return (self.default, *sorted(set(self.source.values())))


class Choice(Frozen):
    """The candidate that the test split is to judge, and what it is compared with first.

    ``candidate`` is the cheapest arm whose ``metric`` on the validation split is within ``margin`` (ratio) of
    the best, on equal terms, and of those that cost about the same the best. ``baseline`` is the arm of the
    primary comparison: the real cloud that does best there, or without one the best arm that is no candidate;
    empty when there is none. ``hybrid`` is the hybrid that was tried,
    chosen or not; its figure is by nested folds, because it was put together on the same documents.
    """

    candidate: str
    baseline: str
    metric: str
    margin: float
    trials: tuple[Trial, ...]
    reason: str
    hybrid: HybridParts | None = None

    @property
    def answering(self) -> tuple[str, ...]:
        """The arms whose answers the candidate gives: itself, or the parts of the hybrid."""
        hybrid = self.hybrid if self.candidate == HYBRID else None
        return hybrid.names if hybrid else (self.candidate,)
