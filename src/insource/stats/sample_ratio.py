"""Evidence that calls are not split as they should be: a broken hash, or a log that loses one side.

Source: Lindon and Malek 2022, "Anytime-valid inference for multinomial count data" (NeurIPS, arXiv
2011.03567), for two sides.
"""

from __future__ import annotations

import math

CONCENTRATION = 100.0
"""Weight of the prior around the intended share: about the number of units that a first look needs."""


def sample_ratio_evidence(assigned: int, n: int, share: float) -> float:
    """Return the log evidence that units are not assigned with probability ``share``, after ``n`` of them.

    A unit is what is hashed: with sticky assignment a caller, not its calls, because the second call of a
    caller tells nothing. It may be looked at after every unit. Evidence of several steps of a ladder, each
    over units of its own, adds up.

    Raises:
        ValueError: the counts do not fit, or the share is outside (0, 1).
    """
    if not 0 <= assigned <= n:
        raise ValueError(f"needs 0 <= assigned <= n, got {assigned} of {n}")
    if not 0 < share < 1:
        raise ValueError(f"share must be inside (0, 1), got {share}")
    a, b = CONCENTRATION * share, CONCENTRATION * (1 - share)
    return (
        _log_beta(a + assigned, b + n - assigned)
        - _log_beta(a, b)
        - assigned * math.log(share)
        - (n - assigned) * math.log1p(-share)
    )


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
