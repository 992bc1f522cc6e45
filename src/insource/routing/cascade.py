"""The cascade: serve the local answer when it is good enough, else the cloud's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from insource.routing.remedies import documents_needed, looser_bound
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
    """Return the policy that the calibration split supports, from one confidence and one outcome per
    document.

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


def percent(ratio: float) -> str:
    """Return a bound in percent, never rounded: "at most 2%" would promise more than 2.5 % does."""
    return f"{100 * ratio:.10g}%"


def _reason(
    basis: str, threshold: float | None, max_error: float, delta: float, known: list[tuple[float, bool]]
) -> str:
    bound = (
        f"at most {percent(max_error)} wrong among locally served answers, with {percent(1 - delta)} "
        f"confidence, "
        "for documents like those of the calibration split"
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
    remedies = _remedies(max_error, delta, known)
    if basis == "median":
        return (
            f"No guarantee. The bound ({bound}) {why}. Working threshold instead: {threshold:.3g}, "
            f"the median confidence on the calibration split.{remedies}"
        )
    return f"Everything goes to the cloud. The bound ({bound}) {why}.{remedies}"


def _remedies(max_error: float, delta: float, known: list[tuple[float, bool]]) -> str:
    """Return what would make the bound feasible, as sentences that follow the reason."""
    confidence, correct = [sure for sure, _ in known], [right for _, right in known]
    enough = documents_needed(confidence, correct, max_error, delta)
    looser = looser_bound(confidence, correct, max_error, delta)
    text = ""
    if enough is not None:
        more = enough - len(known)
        documents = "document" if more == 1 else "documents"
        text += (
            f" About {more:,} more calibration {documents} would support it "
            "if the answers are as often right as these."
        )
    elif known:
        text += " More calibration documents alone are not expected to help."
    if looser is not None:
        text += (
            f" A bound of {percent(looser.max_error)} would hold here and serve {looser.local_share:.0%} "
            "locally. A bound chosen after looking at these documents is no guarantee: "
            "set `routing.max_error` and calibrate on fresh ones."
        )
    return text
