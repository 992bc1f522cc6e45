"""The cascade: the local answer where it is good enough, the cloud's where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from insource.stats.learn_then_test import ltt_threshold, minimum_calibration_n
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
    """The policy that the calibration split supports: one confidence and one outcome a document.

    The threshold comes from Learn-then-Test (arXiv 2110.01052): with probability 1 - ``delta`` at most
    ``max_error`` of what is served locally is wrong. Documents whose confidence is None are never served
    locally, so they do not enter the test, only the share. When the data cannot support the bound,
    ``on_infeasible`` says what then: ``"cloud"`` for everything, or the ``"median"`` of the confidences
    above 0, which carries no guarantee and says so.

    Raises:
        ValueError: for unequal lengths or rates outside (0, 1).

    Examples:
        >>> from insource import fit_policy
        >>> confidences = [0.5] * 20 + [0.95] * 80
        >>> correct = [False] * 20 + [True] * 80
        >>> policy = fit_policy(confidences, correct, max_error=0.1, delta=0.05, on_infeasible="cloud")
        >>> policy.basis, policy.threshold, policy.expected_local_share
        ('guaranteed', 0.95, 0.8)
    """
    if len(confidences) != len(correct):
        raise ValueError("one confidence and one outcome a document")
    known = [(sure, right) for sure, right in zip(confidences, correct, strict=True) if sure is not None]
    scores = np.array([sure for sure, _ in known], dtype=float)
    threshold = ltt_threshold(scores, np.array([right for _, right in known], dtype=bool), max_error, delta)
    basis: Literal["guaranteed", "median", "infeasible"] = "infeasible" if threshold is None else "guaranteed"
    if threshold is None and on_infeasible == "median" and (scores > 0).any():
        threshold, basis = float(np.quantile(scores[scores > 0], 0.5, method="higher")), "median"
    local = 0 if threshold is None else int((scores >= threshold).sum())
    return Policy(
        threshold=threshold,
        basis=basis,
        max_error=max_error,
        delta=delta,
        calibration_n=len(confidences),
        expected_local_share=local / len(confidences) if confidences else 0.0,
        reason=_reason(basis, threshold, max_error, delta, known),
    )


def decide(
    policy: Policy, confidence: float | None, local: LocalAnswer = "valid"
) -> tuple[Literal["local", "cloud"], str]:
    """Where one answer comes from, and why.

    ``local`` says what became of the local attempt: ``valid`` fits the task's output contract,
    ``invalid`` does not, ``failed`` is no answer at all. Reasons: ``confident``, ``low-confidence``,
    ``no-confidence`` (not measured), ``no-threshold`` (nothing may be served locally),
    ``local-invalid``, ``local-failed``.
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


def _reason(
    basis: str, threshold: float | None, max_error: float, delta: float, known: list[tuple[float, bool]]
) -> str:
    bound = (
        f"at most {max_error:.0%} wrong among locally served answers, with {1 - delta:.0%} confidence, "
        "for documents like the calibration ones"
    )
    n, wrong = len(known), sum(not right for _, right in known)
    needed = minimum_calibration_n(max_error, delta)
    if basis == "guaranteed":
        return f"At or above {threshold:.3g}: {bound} (Learn-then-Test on {n} calibration documents)."
    why = (
        f"needs at least {needed} calibration documents with a confidence, and there are {n}"
        if n < needed
        else f"does not hold at any threshold: {wrong} of {n} calibration answers are wrong, "
        "too many of them among the most confident"
    )
    if basis == "median":
        return (
            f"No guarantee. The bound ({bound}) {why}. Working threshold instead: {threshold:.3g}, "
            "the median confidence on the calibration split."
        )
    return f"Everything goes to the cloud. The bound ({bound}) {why}."
