"""The cascade: serve the local answer when it is good enough, else the cloud's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from insource.routing.losses import Judged, judged
from insource.routing.reasons import reason
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
    known = judged("documents", confidences, (not right for right in correct), (1 for _ in correct), most=1)
    return fit_bound(known, n=len(confidences), max_error=max_error, delta=delta, on_infeasible=on_infeasible)


def fit_bound(
    known: Judged, *, n: int, max_error: float, delta: float, on_infeasible: Literal["cloud", "median"]
) -> Policy:
    """Return the policy for what is ``known`` of ``n`` calibration documents, as ``fit_policy``.

    The loss of ``known`` says what is bounded: wrong documents by the exact binomial test, wrong fields or
    invented values by a bet per document.

    Raises:
        ValueError: a rate is outside (0, 1).
    """
    scores = known.confidence
    overfull = bool((known.counted > known.most).any())
    threshold = None if overfull else known.threshold(max_error, delta)
    basis: Literal["guaranteed", "median", "infeasible"] = "infeasible" if threshold is None else "guaranteed"
    if threshold is None and on_infeasible == "median" and (scores > 0).any():
        threshold, basis = float(np.quantile(scores[scores > 0], 0.5, method="higher")), "median"
    local = 0 if threshold is None else int((scores >= threshold).sum())
    return Policy(
        loss=known.loss,
        threshold=threshold,
        basis=basis,
        max_error=max_error,
        delta=delta,
        calibration_n=n,
        expected_local_share=local / n if n else 0.0,
        reason=reason(basis, threshold, max_error, delta, known),
    )


def decide(
    policy: Policy, confidence: float | None, local: LocalAnswer = "valid"
) -> tuple[Literal["local", "cloud"], str]:
    """Return where one answer comes from, and the reason.

    ``local`` describes the local attempt: ``valid`` fits the task's output contract, ``invalid`` does not,
    ``failed`` means no answer. Reasons: ``confident``, ``low-confidence``, ``no-confidence`` (not measured),
    ``no-threshold`` (nothing may be served locally), ``local-invalid``, ``local-failed``.
    """
    if local != "valid":
        return "cloud", f"local-{local}"
    if policy.threshold is None:
        return "cloud", "no-threshold"
    if confidence is None:
        return "cloud", "no-confidence"
    if confidence < policy.threshold:
        return "cloud", "low-confidence"
    return "local", "confident"
