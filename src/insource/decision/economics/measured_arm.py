"""What an evaluated arm gives the economics: time of a machine, right answers, errors by type."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from insource.decision.economics.quantities import Quantity, measured
from insource.evaluation.estimators import mean, rate, sampling_units
from insource.types import NOT_MEASURED, Estimate, EvalRecord, Evaluation
from insource.types.evaluation import Bucket

NO_ANSWER = "no_answer"
BUCKETS: tuple[Bucket, ...] = ("wrong", "missed", "invented")


class MeasuredArm(NamedTuple):
    """The measured inputs of an arm; None where nothing was measured.

    ``errors`` are per document: slots that are ``wrong``, ``missed`` or ``invented``, and ``no_answer``, the
    share of documents without a usable answer.
    """

    machine_seconds: Quantity | None
    correct: Quantity | None
    errors: dict[str, Quantity]


def measured_arm(
    evaluation: Evaluation,
    records: Sequence[EvalRecord],
    *,
    metric: str = "exact_match",
    in_flight: float = 1.0,
) -> MeasuredArm:
    """Return what an evaluation measured; ``metric`` is the share of right documents.

    ``in_flight`` is the number of documents that the machine answers at once in the measured latency: the
    time of the machine for one of them is the latency over it.

    Raises:
        DataError: ``economics-input`` when a latency or a rate is not what it can be.
    """
    name = evaluation.arm.name
    source = f"measured on {evaluation.n} {evaluation.split} documents"
    timed = [record for record in records if record.completion and record.completion.latency_s is not None]
    seconds = _mean(timed, lambda record: _latency(record) / in_flight)
    scored = [record for record in records if record.status != "unscored"]
    errors = {
        NO_ANSWER: measured(
            f"{NO_ANSWER} of {name}", _mean(scored, _unanswered), unit="a document", source=source, ceiling=1
        )
    }
    for bucket in BUCKETS:
        rate = _mean(scored, _slots(bucket))
        errors[bucket] = measured(f"{bucket} of {name}", rate, unit="a document", source=source)
    return MeasuredArm(
        machine_seconds=measured(f"machine time of {name}", seconds, unit="s a document", source=source),
        correct=measured(
            f"right documents of {name}",
            evaluation.metrics.get(metric, NOT_MEASURED),
            unit="of all",
            source=source,
            ceiling=1,
        ),
        errors={kind: rate for kind, rate in errors.items() if rate is not None},
    )


def _latency(record: EvalRecord) -> float:
    seconds = record.completion.latency_s if record.completion else None
    return 0.0 if seconds is None else seconds


def _unanswered(record: EvalRecord) -> float:
    return float(record.score is None or bool(record.score.failure) or not record.score.repairable)


def _slots(bucket: Bucket) -> Callable[[EvalRecord], float]:
    return lambda record: sum(s.bucket == bucket for s in record.score.slots) if record.score else 0


def _mean(records: Sequence[EvalRecord], of: Callable[[EvalRecord], float]) -> Estimate:
    """Return the mean by document, or by group where documents share groups."""
    values, units = [of(record) for record in records], sampling_units([record.group for record in records])
    unusable = next((value for value in values if not math.isfinite(value)), None)
    if unusable is not None:  # of which there is no mean; ``measured`` refuses it by name
        return Estimate(value=unusable, method="mean")
    if all(value in (0, 1) for value in values):
        return rate(values, units)
    return mean(values, units, share=False)
