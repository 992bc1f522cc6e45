"""Measure a confidence on answers that it has not learned from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from insource.foundation.rng import generator
from insource.routing.fields.fitting import outcomes_of
from insource.routing.fields.habits import WHOLE
from insource.routing.tokens.evidence import contract_path
from insource.stats.discrimination import (
    Bin,
    Statistic,
    accuracy_at,
    aurc,
    auroc,
    brier,
    by_document,
    calibration_error,
    reliability,
)
from insource.stats.intervals import wilson
from insource.types import Estimate, EvalRecord, OutputSpec
from insource.types.confidence import ConfidenceFigures, ReliabilityBin

METHOD = "document bootstrap"


class Judgement(NamedTuple):
    """One field or answer: its confidence, whether it is right, its document."""

    confidence: float
    right: bool
    document: str


def field_judgements(records: Sequence[EvalRecord], output: OutputSpec) -> dict[str, list[Judgement]]:
    """Return the judged fields with a confidence, by path; answers outside the contract are never served and
    are left out.
    """
    found: dict[str, list[Judgement]] = {}
    for record in records:
        score, completion = record.score, record.completion
        if score is None or completion is None or not score.schema_valid:
            continue
        stated: dict[str, float] = {}
        for at, one in completion.field_confidences.items():
            stated[contract_path(at)] = min(one, stated.get(contract_path(at), 1.0))
        for path, right in outcomes_of(score, output).items():
            sure = (
                record.confidence if path == WHOLE else stated.get(path, stated.get(path.removesuffix("[]")))
            )
            if sure is not None:
                found.setdefault(path, []).append(Judgement(sure, right, record.row_id))
    return found


def answer_judgements(records: Sequence[EvalRecord]) -> list[Judgement]:
    """Return the answers with a confidence that may be served."""
    return [
        Judgement(record.confidence, record.score.exact, record.row_id)
        for record in records
        if record.score is not None and record.score.schema_valid and record.confidence is not None
    ]


def figures_of(judged: Sequence[Judgement], name: str) -> ConfidenceFigures:
    """Return the figures of judgements; ``name`` names their random stream."""
    sure = np.array([one.confidence for one in judged], dtype=float)
    right = np.array([one.right for one in judged], dtype=bool)
    documents = [one.document for one in judged]

    def estimate(statistic: Statistic, method: str) -> Estimate:
        value = statistic(sure, right)
        if math.isnan(value):
            why = "nothing was judged" if not len(sure) else "all are right, or all wrong"
            return Estimate(value=None, n=len(sure), method=method, note=why)
        rng = generator(0, f"confidence.{name}.{method}")
        interval = by_document(statistic, sure, right, documents, rng)
        low, high = interval or (None, None)
        return Estimate(value=value, low=low, high=high, n=len(sure), method=f"{method}, {METHOD}")

    return ConfidenceFigures(
        n=len(judged),
        wrong=int((~right).sum()),
        documents=len(set(documents)),
        auroc=estimate(auroc, "AUROC"),
        aurc=estimate(aurc, "AURC"),
        calibration_error=estimate(calibration_error, "ECE, debiased"),
        brier=estimate(brier, "Brier score"),
        accuracy_at_80=estimate(accuracy_at(0.8), "accuracy at 80 % coverage"),
        reliability=tuple(_bin(one) for one in reliability(sure, right)),
    )


def _bin(found: Bin) -> ReliabilityBin:
    low, high = wilson(found.right * found.n, found.n)
    share = Estimate(
        value=found.right,
        low=low,
        high=high,
        n=found.n,
        method="Wilson",
        note="as if the fields of a document were independent",
    )
    return ReliabilityBin(confidence=found.confidence, right=share, n=found.n)
