"""How the test documents are mixed from seen and unseen groups, and what production would show."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from insource.evaluation.comparison.pairs import Pairs, gain_sign
from insource.evaluation.comparison.sentences import interval, percent, points
from insource.evaluation.estimators import Units, rate
from insource.stats.intervals import StandardError
from insource.stats.paired import StudentT, paired_mean
from insource.types import Estimate
from insource.types.comparison import SampleMix


def expected_unseen(groups: Sequence[str | None]) -> float | None:
    """Return the expected share of coming documents whose group is new, from the groups of earlier ones.

    It is the share of documents whose group occurs once (Good 1953, Biometrika 40: Good-Turing). The result
    is None when no document has a group.
    """
    known = [group for group in groups if group is not None]
    if not known:
        return None
    return sum(count == 1 for count in Counter(known).values()) / len(known)


def sample_mix(pairs: Pairs, metric: str, expected: float | None, confidence: float) -> SampleMix | None:
    """Return the mix of seen and unseen groups; None where the test documents do not have both."""
    unseen = np.array([seen is False for seen in pairs.seen])
    known = np.array([seen is not None for seen in pairs.seen])
    if not unseen.any() or not (known & ~unseen).any():
        return None
    share = rate(unseen[known].astype(float), Units(None, int(known.sum())))
    difference = None
    if expected is not None:
        gains = pairs.gains(metric)
        difference = _reweighted(
            gains[known & ~unseen], gains[unseen], expected, gain_sign(metric), confidence
        )
    found = SampleMix(unseen=share, expected=expected, difference=difference)
    return found.model_copy(update={"sentence": _sentence(found)})


def _reweighted(
    seen: np.ndarray, unseen: np.ndarray, expected: float, sign: float, confidence: float
) -> Estimate:
    """Return the difference with unseen groups in their expected share, with Welch's degrees of freedom."""
    weights, parts = (1 - expected, expected), [paired_mean(one) for one in (seen, unseen)]
    value = sum(weight * part.value for weight, part in zip(weights, parts, strict=True))
    n, method = len(seen) + len(unseen), "seen and unseen groups reweighted, t by document"
    errors = [(w, part.error) for w, part in zip(weights, parts, strict=True) if w > 0]
    if any(error is None for _, error in errors):
        return Estimate(value=sign * value, n=n, method=method, note="one part does not vary: no interval")
    squares = [(w * error.value) ** 2 for w, error in errors if error is not None]
    total = sum(squares)
    df = total**2 / sum(s**2 / error.df for s, (_, error) in zip(squares, errors, strict=True) if error)
    low, high = StudentT(value, StandardError(math.sqrt(total), max(1, int(df)))).interval(confidence)
    low, high = sorted((sign * low, sign * high))
    return Estimate(value=sign * value, low=low, high=high, confidence=confidence, n=n, method=method)


def _sentence(found: SampleMix) -> str:
    has = f"{percent(found.unseen.value)} of the test documents are from groups without training rows"
    if found.expected is None or found.difference is None:
        return f"{has}. This mix is not that of production unless production is like that."
    rich = found.unseen.low is not None and found.unseen.low > found.expected
    what = "so this test set is not production" if rich else "which is close to what is to be expected"
    return (
        f"{has}, where about {percent(found.expected)} are to be expected from the training groups, {what}. "
        f"With seen and unseen groups in that share the difference is {points(found.difference.value)} "
        f"{interval(found.difference)}."
    )
