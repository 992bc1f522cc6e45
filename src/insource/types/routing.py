"""The routing policy of a cascade: which local answers are served."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import model_validator

from insource.types.base import Frozen

Loss = Literal["documents", "fields", "invented"]
"""What a bound counts: wrong documents, wrong fields, or invented values among those answered."""

SCHEMA_VERSION = 2


class Policy(Frozen):
    """Serve the local answer when its confidence is at least ``threshold``; otherwise ask the cloud.

    ``basis``: a ``guaranteed`` threshold comes from Learn-then-Test on the calibration split and keeps the
    share that ``loss`` names at or below ``max_error`` among the answers served locally, with probability
    ``1 - delta``; a ``median`` threshold has no guarantee; ``infeasible`` sends every call to the cloud.

    ``measure`` is what the threshold was found for: the confidence by the ``tokens`` of an answer, or the
    probability of its label among all ``labels``. For models that state their own confidence it says nothing.

    Version 1 had no ``loss`` and bounded documents; it is upgraded as it is read.
    """

    schema_version: int = SCHEMA_VERSION
    loss: Loss = "documents"
    threshold: float | None
    measure: Literal["tokens", "labels"] = "tokens"
    basis: Literal["guaranteed", "median", "infeasible"]
    max_error: float
    delta: float
    calibration_n: int
    expected_local_share: float
    reason: str

    @model_validator(mode="before")
    @classmethod
    def _upgrade(cls, data: Any) -> Any:
        """Read a policy of version 1, which bounded documents; refuse one of a version not known here."""
        if not isinstance(data, dict):
            return data
        version = data.get("schema_version", SCHEMA_VERSION)
        if version == 1:
            if "loss" in data:
                raise ValueError("a policy of version 1 states no loss")
            return {**data, "schema_version": SCHEMA_VERSION, "loss": "documents"}
        if version != SCHEMA_VERSION:
            raise ValueError(
                f"the policy has version {version}, and this Insource reads 1 to {SCHEMA_VERSION}"
            )
        return data
