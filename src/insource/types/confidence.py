"""The confidence of an arm: what it was learned from, how good it is on documents it has not seen."""

from __future__ import annotations

from insource.types.base import Frozen
from insource.types.estimate import Estimate


class ReliabilityBin(Frozen):
    """Answers of neighbouring confidence: their mean confidence, the share that is right, their number."""

    confidence: float
    right: Estimate
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


class ConfidenceSummary(Frozen):
    """How good the confidence of the chosen arm is on the test split, and what it was learned from.

    ``digest`` names the file ``confidence.json`` that serving reads; it is empty, and so are ``learner`` and
    ``curve``, where the confidence is the one that the model states. ``labels`` counts the answers it learned
    from by what says that they are right: ``gold`` (people) or ``agreement`` (with a model). ``fitted_on``
    counts them by split; the ``certifying`` calibration documents, which prove the bound, are none of them.
    ``second_look`` is the arm that answers beside the chosen one, empty for none: where both agree is a part
    of the confidence. ``stated`` are the figures of the fields before anything was learned. What is wrong
    with the contract is never served and not counted.
    """

    schema_version: int = 1
    digest: str = ""
    learner: str = ""
    second_look: str = ""
    curve: str = ""
    labels: dict[str, int] = {}
    fitted_on: dict[str, int] = {}
    certifying: int
    reason: str
    fields: ConfidenceFigures
    answers: ConfidenceFigures
    by_field: dict[str, ConfidenceFigures] = {}
    stated: ConfidenceFigures | None = None
