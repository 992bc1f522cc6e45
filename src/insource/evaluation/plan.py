"""The plan for evaluating one arm."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

from insource.evaluation.run import Confidence
from insource.models.protocol import Model, Request
from insource.types import Arm, Example


class ArmPlan(NamedTuple):
    """How to evaluate one arm.

    ``model`` opens the model, only when there is work to do. ``identity`` holds the digests that determine
    the answers (weights, adapter, grammar, logged answers): equal identities give equal answers.
    """

    arm: Arm
    identity: dict[str, str]
    model: Callable[[], AbstractContextManager[Model]]
    ask: Callable[[Example], Request]
    confidence: Confidence = lambda example, completion: None
