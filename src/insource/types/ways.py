"""The ways in which a call may be answered, and when."""

from __future__ import annotations

from typing import Literal

from insource.types.base import Frozen

FieldMode = Literal["local", "cascade", "cloud"]
"""Where a field's value comes from: always here, here where it is sure enough, always from the cloud."""


class FieldPolicy(Frozen):
    """Serve a local answer's sure fields, and ask the cloud for the others.

    A field, which is one property of the answer with all that is in it, is served here when its confidence,
    the least of those in it, is at least ``threshold``. ``modes`` are those of the fields that are no
    cascade. ``basis``: a ``guaranteed`` threshold keeps the share of wrong fields among those served here at
    or below ``max_error`` with probability 1 - ``delta``; with an ``infeasible`` one every field of the
    cascade is the cloud's. ``expected_share`` of the fields were served on the calibration split.
    """

    schema_version: int = 1
    modes: dict[str, FieldMode] = {}
    threshold: float | None
    basis: Literal["guaranteed", "infeasible"]
    max_error: float
    delta: float
    calibration_n: int
    expected_share: float
    reason: str
