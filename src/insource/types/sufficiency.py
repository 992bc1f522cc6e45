"""Is there enough data: the learning curve, how many more examples, the power of the test set, what to label.

An ``Estimate`` whose value is None is unknown, and its note says why. Qualities are in the metric's own
direction.
"""

from __future__ import annotations

from typing import Literal

from insource.types.base import Frozen
from insource.types.comparison import Question, RequiredSample
from insource.types.dataset import Split
from insource.types.estimate import NOT_MEASURED, Estimate

CurveSource = Literal["classical", "fine-tune"]
Part = Literal["all", "label", "field"]
ShapeVerdict = Literal["monotone and convex", "not monotone", "not convex", "not tested"]
Signal = Literal["disagreement", "uncertainty", "coverage", "failure", "novelty"]
"""``failure`` and ``novelty`` are of documents of live traffic: ``lifecycle/mining.py``."""


class CurvePoint(Frozen):
    """The quality after training on ``rows`` examples, the mean of ``trainings`` draws of them."""

    rows: int
    trainings: int
    quality: Estimate


class CurveShape(Frozen):
    """Whether a power law can describe the curve, by a test at the level 0.05 over both questions.

    ``monotone_p`` is against "more examples never make it worse", ``convex_p`` against "each further example
    helps no more than the one before". ``sentence`` names where it fails, or that nothing speaks against it.
    """

    verdict: ShapeVerdict
    monotone_p: float | None = None
    convex_p: float | None = None
    method: str = ""
    sentence: str = ""


class PowerLawFit(Frozen):
    """error(n) = ``floor`` + ``scale`` n^-``exponent``; where a smaller metric is better, it is the error."""

    floor: Estimate
    scale: Estimate
    exponent: Estimate


class Prediction(Frozen):
    """The quality to be expected after training on ``rows`` examples."""

    rows: int
    quality: Estimate


class Doubling(Frozen):
    """What twice the examples would bring: the gain, and the probability that it is at least ``delta``.

    ``usd_per_point`` is the cost of the labels over the gain in percentage points.
    """

    rows: int
    delta: float
    gain: Estimate
    probability: Estimate
    usd_per_point: Estimate = NOT_MEASURED


class LearningCurve(Frozen):
    """How the quality grows with the training examples, measured on ``documents`` of the validation split.

    ``source`` says what was trained, ``reason`` why that. ``refused`` is the reason why nothing is said about
    more examples than were measured, empty when ``fit``, ``predictions`` and ``doubling`` say it.
    """

    source: CurveSource
    arm: str
    reason: str
    metric: str
    documents: int
    points: tuple[CurvePoint, ...] = ()
    shape: CurveShape = CurveShape(verdict="not tested")
    fit: PowerLawFit | None = None
    predictions: tuple[Prediction, ...] = ()
    doubling: Doubling | None = None
    refused: str = ""
    note: str = ""


class Needed(Frozen):
    """How many more examples reach ``target``, overall or for one label or field.

    ``rows`` are those of today: for a label, the examples that have it. ``more`` is without an upper end
    where that lies beyond what may be extrapolated. ``refused`` says why there is no number.
    """

    part: Part
    name: str
    target: float
    now: Estimate
    rows: int
    more: Estimate = NOT_MEASURED
    refused: str = ""
    sentence: str = ""


class PowerOfTest(Frozen):
    """What the test set can show about "not worse by more than ``margin``", in the unit of the question.

    ``differing`` is the share of documents on which the two arms differ in quality. ``power_if_equal`` holds
    if they are equally good, ``power_as_observed`` if the observed difference is the true one. ``required``
    is the sample for a power of 0.8 if they are equal. ``unknown`` says why there are no figures.
    """

    candidate: str = ""
    baseline: str = ""
    metric: str = ""
    question: Question = "documents"
    units: int = 0
    margin: float = 0.0
    differing: Estimate = NOT_MEASURED
    power_if_equal: Estimate = NOT_MEASURED
    power_as_observed: Estimate = NOT_MEASURED
    required: RequiredSample | None = None
    unknown: str = ""
    sentence: str = ""


class ToLabel(Frozen):
    """A row that a person should label next. ``priority`` is between 0 and 1, ``reasons`` are sentences."""

    row_id: str
    split: Split
    priority: float
    signals: tuple[Signal, ...]
    reasons: tuple[str, ...]


class Gap(Frozen):
    """A label or group with too few examples to be learnt or judged: ``rows`` of the ``wanted``."""

    part: Literal["label", "group"]
    name: str
    rows: int
    wanted: int


class Queued(Frozen):
    """The rows to label next, the most telling first; ``checked`` rows have a person's label already."""

    rows: tuple[ToLabel, ...] = ()
    checked: int = 0
    considered: int = 0
    gaps: tuple[Gap, ...] = ()
    note: str = ""


class Sufficiency(Frozen):
    """Whether there is enough data, to learn from and to judge by."""

    curve: LearningCurve | None
    needed: tuple[Needed, ...]
    power: PowerOfTest
    to_label: Queued
    unknown: dict[str, str] = {}
