"""The routing policy of a cascade: which local answers are served."""

from __future__ import annotations

from typing import Literal

from insource.types.base import Frozen


class Policy(Frozen):
    """Serve the local answer when its confidence is at least ``threshold``; otherwise ask the cloud.

    ``basis``: a ``guaranteed`` threshold comes from Learn-then-Test on the calibration split and keeps the
    error rate of locally served answers at or below ``max_error`` with probability ``1 - delta``; a
    ``median`` threshold has no guarantee; ``infeasible`` sends every call to the cloud.

    ``measure`` is what the threshold was found for: the confidence by the ``tokens`` of an answer, or the
    probability of its label among all ``labels``. For models that state their own confidence it says nothing.
    """

    schema_version: int = 1
    threshold: float | None
    measure: Literal["tokens", "labels"] = "tokens"
    basis: Literal["guaranteed", "median", "infeasible"]
    max_error: float
    delta: float
    calibration_n: int
    expected_local_share: float
    reason: str
