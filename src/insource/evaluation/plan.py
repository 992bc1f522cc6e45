"""The plan for evaluating one arm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from insource.evaluation.run import Confidence, never
from insource.models.protocol import Model, Request
from insource.types import Arm, Estimate, EvalRecord, Example
from insource.types.evaluation import Effort


class ArmPlan(NamedTuple):
    """How one arm is evaluated.

    ``examples`` are the documents it is asked about. ``identity`` names what answers, by digests of
    weights, adapter, grammar or logged answers: equal identity, equal answers. ``model`` opens the model
    only when there is work to do. ``note`` is what a reader has to know about this measurement.
    ``is_look`` is false when nothing was fitted or chosen, and no arm is tuned by the score: scoring such
    answers on the test split is then not counted as a look at it. ``effort`` and ``expected`` are those of
    ``Evaluation``. ``answers_in`` is the folder of files from which this arm answers outside the evaluation
    (``models.fitted.registry``, ``models.prompting.folder``), None when there is none. ``hopeless`` is asked
    after every document and returns the reason to ask no more, empty to go on; ``stops`` says by what it
    decides, because a measurement that may stop is another one. ``chosen_on`` are the row ids of validation
    documents on which the settings of this arm were chosen: they look better than others. ``prepare`` asks
    about documents before they are evaluated, see ``ready``.
    """

    arm: Arm
    examples: tuple[Example, ...]
    identity: dict[str, str]
    model: Callable[[], AbstractContextManager[Model]]
    ask: Callable[[Example], Request]
    confidence: Confidence = lambda example, completion: None
    note: str = ""
    is_look: bool = True
    effort: Effort | None = None
    expected: Estimate | None = None
    answers_in: Path | None = None
    hopeless: Callable[[Sequence[EvalRecord]], str] = never
    stops: str = ""
    chosen_on: frozenset[str] = frozenset()
    prepare: Callable[[tuple[Example, ...]], ArmPlan] | None = None

    def ready(self) -> ArmPlan:
        """Return the plan that can be evaluated: one whose answers cost money has asked for them now.

        Its examples are those that were answered; ``note`` says why there are fewer.
        """
        return self if self.prepare is None else self.prepare(self.examples)
