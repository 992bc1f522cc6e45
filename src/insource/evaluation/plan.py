"""How one arm is evaluated."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

from insource.evaluation.run import Confidence
from insource.models.protocol import Model, Request
from insource.types import Arm, Example


class ArmPlan(NamedTuple):
    """How to evaluate one arm.

    ``model`` opens the model only when there is work to do. ``identity`` names what answers (digests
    of weights, adapter, grammar, logged answers): equal identity, equal answers.
    """

    arm: Arm
    identity: dict[str, str]
    model: Callable[[], AbstractContextManager[Model]]
    ask: Callable[[Example], Request]
    confidence: Confidence = lambda example, completion: None
