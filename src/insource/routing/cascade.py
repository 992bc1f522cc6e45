"""The cascade: serve the local answer when it is good enough, else the cloud's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from insource.routing.bounds.coverage import covers
from insource.routing.bounds.frontier import BOUNDS, frontier
from insource.routing.bounds.losses import Counted, Judged, judged
from insource.routing.bounds.reasons import reason
from insource.types import Policy

LocalAnswer = Literal["valid", "invalid", "failed"]


def fit_policy(
    confidences: Sequence[float | None],
    correct: Sequence[bool],
    *,
    max_error: float,
    delta: float,
    on_infeasible: Literal["cloud", "median"],
) -> Policy:
    """Return the policy that the calibration split supports, from one confidence and one outcome per
    document. It bounds the share of wrong documents; ``fit_bound`` bounds others, too.

    The threshold comes from Learn-then-Test (arXiv 2110.01052): with probability 1 - ``delta``, at most
    ``max_error`` of the locally served answers are wrong. Where the walk over thresholds starts follows from
    the number of documents with a confidence, the bound and ``delta`` alone (``stats.learn_then_test``).
    Documents whose confidence is None are never served locally; they count in the local share but not in the
    test. When the data cannot support the bound, ``on_infeasible`` decides: ``"cloud"`` sends everything to
    the cloud; ``"median"`` uses the median of the confidences above 0, without a guarantee. The reason then
    says what would make the bound feasible.

    Raises:
        ValueError: the lengths differ, or a rate is outside (0, 1).

    Examples:
        >>> from insource import fit_policy
        >>> confidences = [0.5] * 20 + [0.95] * 80
        >>> correct = [False] * 20 + [True] * 80
        >>> policy = fit_policy(confidences, correct, max_error=0.1, delta=0.05, on_infeasible="cloud")
        >>> policy.basis, policy.threshold, policy.expected_local_share
        ('guaranteed', 0.95, 0.8)
    """
    if len(confidences) != len(correct):
        raise ValueError("confidences and correct must have the same length")
    found = (Counted(sure, not right, 1) for sure, right in zip(confidences, correct, strict=True))
    known = judged("documents", found, most=1)
    return fit_bound(known, n=len(confidences), max_error=max_error, delta=delta, on_infeasible=on_infeasible)


def fit_bound(
    known: Judged,
    *,
    n: int,
    max_error: float,
    delta: float,
    on_infeasible: Literal["cloud", "median"],
    choices: int = 1,
) -> Policy:
    """Return the policy for what is ``known`` of ``n`` calibration documents, as ``fit_policy``.

    The loss of ``known`` says what is bounded: documents by the exact binomial test, fields, values or
    weights by a bet per document; with groups as the unit, any of them by a bet per group. ``choices`` above
    1 says that the bound was picked among so many after these documents were looked at: then each test is
    made at ``delta / choices``.

    Raises:
        ValueError: a rate is outside (0, 1).
    """
    scores = known.confidence
    threshold = None if known.overfull else known.threshold(max_error, delta / choices)
    basis: Literal["guaranteed", "median", "infeasible"] = "infeasible" if threshold is None else "guaranteed"
    if threshold is None and on_infeasible == "median":
        threshold = median(known)
        basis = "infeasible" if threshold is None else "median"
    points = frontier(known, delta, n=n, choices=max(choices, len(BOUNDS)))
    return Policy(
        loss=known.loss,
        unit=known.unit,
        threshold=threshold,
        basis=basis,
        max_error=max_error,
        delta=delta,
        choices=choices,
        calibration_n=n,
        expected_local_share=float((scores >= threshold).sum()) / n if n and threshold is not None else 0.0,
        frontier=points,
        reason=reason(basis, threshold, max_error, delta, known, points, choices),
    )


def median(known: Judged) -> float | None:
    """Return the median of the confidences above 0: a working threshold without a guarantee."""
    sure = known.confidence[known.confidence > 0]
    return float(np.quantile(sure, 0.5, method="higher")) if len(sure) else None


def decide(
    policy: Policy, confidence: float | None, local: LocalAnswer = "valid", group: str = ""
) -> tuple[Literal["local", "cloud"], str]:
    """Return where one answer comes from, and the reason.

    ``group`` is the group of the document, such as its supplier or layout, where the caller states it. What
    is guaranteed for others is not served to a group that the guarantee does not cover.

    ``local`` describes the local attempt: ``valid`` fits the task's output contract, ``invalid`` does not,
    ``failed`` means no answer. Reasons: ``confident``, ``low-confidence``, ``no-confidence`` (not measured),
    ``no-threshold`` (nothing may be served locally), ``local-invalid``, ``local-failed``,
    ``new-group``.
    """
    if local != "valid":
        return "cloud", f"local-{local}"
    if policy.threshold is None:
        return "cloud", "no-threshold"
    if confidence is None:
        return "cloud", "no-confidence"
    if confidence < policy.threshold:
        return "cloud", "low-confidence"
    if group and policy.basis == "guaranteed" and covers(policy, group) is False:
        return "cloud", "new-group"
    return "local", "confident"
