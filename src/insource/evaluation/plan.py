"""The plan for evaluating one arm."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

from insource.evaluation.run import Confidence
from insource.models.protocol import Model, Request
from insource.types import Arm, Example


class ArmPlan(NamedTuple):
    """How one arm is evaluated.

    ``examples`` are the documents it is asked about. ``identity`` names what answers, by digests of
    weights, adapter, grammar or logged answers: equal identity, equal answers. ``model`` opens the model
    only when there is work to do. ``note`` is what a reader has to know about this measurement.
    ``is_look`` is false when nothing was fitted, and no arm is tuned or chosen by the score: scoring such
    answers on the test split is then not counted as a look at it.
    """

    arm: Arm
    examples: tuple[Example, ...]
    identity: dict[str, str]
    model: Callable[[], AbstractContextManager[Model]]
    ask: Callable[[Example], Request]
    confidence: Confidence = lambda example, completion: None
    note: str = ""
    is_look: bool = True
