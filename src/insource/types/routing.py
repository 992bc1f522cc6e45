"""The policy of a cascade: when the local answer is good enough to serve."""

from __future__ import annotations

from typing import Literal

from insource.types.base import Frozen


class Policy(Frozen):
    """Serve locally at or above ``threshold``, else ask the cloud.

    ``basis``: ``guaranteed`` thresholds come from Learn-then-Test on the calibration split and keep
    the error of locally served answers at or below ``max_error`` with probability ``1 - delta``;
    ``median`` is a working threshold without any guarantee; ``infeasible`` sends all to the cloud.
    """

    schema_version: int = 1
    threshold: float | None
    basis: Literal["guaranteed", "median", "infeasible"]
    max_error: float
    delta: float
    calibration_n: int
    expected_local_share: float
    reason: str
