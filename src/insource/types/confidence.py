"""The learned confidence of an arm, and how good it is on documents that it has not seen."""

from __future__ import annotations

from insource.types.base import Frozen
from insource.types.estimate import Estimate


class ReliabilityBin(Frozen):
    """Answers of neighbouring confidence: their mean confidence, the share that is right, their number."""

    confidence: float
    right: float
    n: int


class ConfidenceFigures(Frozen):
    """How good a confidence is. ``wrong`` of ``n`` fields or answers, in ``documents`` documents, are wrong.

    ``calibration_error`` is the expected one over bins of equal size, without what chance adds; the upper end
    of its interval is its document-bootstrap limit. ``accuracy_at_80`` is the share of right ones among the
    surest 80 %. Intervals are by document.
    """

    n: int
    wrong: int
    documents: int
    auroc: Estimate
    aurc: Estimate
    calibration_error: Estimate
    brier: Estimate
    accuracy_at_80: Estimate
    reliability: tuple[ReliabilityBin, ...] = ()


class LearnedConfidence(Frozen):
    """What a learned confidence was fitted on, and its figures on the test split.

    ``digest`` names the file ``confidence.json`` that serving reads. ``labels`` counts the answers it learned
    from by what says that they are right: ``gold`` (people) or ``agreement`` (with a model). ``fitted_on``
    counts them by source; none of them certified the bound. ``fields``, ``answers`` and ``by_field`` are the
    learned confidence's figures; ``stated`` is that of the fields before it.
    """

    schema_version: int = 1
    digest: str
    learner: str
    calibration: str
    labels: dict[str, int]
    fitted_on: dict[str, int]
    certifying: int
    reason: str
    fields: ConfidenceFigures | None = None
    answers: ConfidenceFigures | None = None
    by_field: dict[str, ConfidenceFigures] = {}
    stated: ConfidenceFigures | None = None
