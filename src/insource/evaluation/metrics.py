"""Summarise one arm: turn its records into estimates by metric, field and slice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, get_args

import numpy as np

from insource.evaluation.estimators import Units, mean, mean_of_ratios, quantile, rate, ratio, sampling_units
from insource.evaluation.scorers import LABEL, TEXT, forfeited
from insource.types import (
    NOT_MEASURED,
    Arm,
    Bucket,
    Estimate,
    EvalRecord,
    Evaluation,
    FieldMetrics,
    Score,
    SlotScore,
)

RIGHT: frozenset[Bucket] = frozenset({"correct", "correctly_empty"})

BY_DOCUMENT: dict[str, Callable[[Score], float | None]] = {
    "field_accuracy": lambda score: score.field_accuracy,
    "accuracy": lambda score: score.field_accuracy,
    "exact_match": lambda score: float(score.exact),
    "format_consistency": lambda score: float(score.canonical),
    "parse_rate": lambda score: float(score.parsed),
    "repairable_rate": lambda score: float(score.repairable),
    "schema_valid_rate": lambda score: float(score.schema_valid),
    "hallucination_rate": lambda score: float(score.invented > 0),
}
"""The metrics with a value per document; only these can be compared in pairs."""

MEANS = frozenset({"field_accuracy"})
"""Those of ``BY_DOCUMENT`` that are a share within the document; all others are 0 or 1."""

LOWER_IS_BETTER = frozenset({"hallucination_rate", "invented_per_null_slot", "edit_burden"})

UNDECLARED = "*"
"""The path suffix of keys that the schema does not declare: invented slots without a field."""

SLICE_METRICS = ("field_accuracy", "exact_match", "format_consistency", "hallucination_rate")

NO_ANSWER = Score(slots=(), parsed=False, repairable=False, schema_valid=False, canonical=False, exact=False)


class _Judged(NamedTuple):
    """One evaluated document. A failed call has the score of an unusable answer."""

    record: EvalRecord
    score: Score

    def value(self, metric: str) -> float | None:
        return document_value(self.record, metric, self.score)


def document_value(record: EvalRecord, metric: str, score: Score | None = None) -> float | None:
    """Return the metric of one document; a failed call scores 0 on every metric, like an unusable answer.

    The result is None when the document has nothing to judge, such as no slot for field accuracy.
    """
    score = score or record.score
    if record.status == "failed" or score is None:
        return 0.0
    return BY_DOCUMENT[metric](score)


def summarise(
    arm: Arm,
    split: str,
    records: Sequence[EvalRecord],
    *,
    seconds: float = 0.0,
    all_null: Mapping[str, Score] | None = None,
) -> Evaluation:
    """Compute every metric of ``docs/reference/metrics.md`` for one arm on one split.

    Scored and failed records are evaluated; unscored ones are only counted. ``all_null`` holds the score of
    an empty answer by row id (``scorers.empty_scores``). It gives the all-null floor, and the slots that a
    failed call misses. Without it, the floor is not measured, and failed calls are missing from the metrics
    over slots (as their note says), but never from those over documents.

    Examples:
        >>> from insource import Arm, EvalRecord, summarise
        >>> def record(n, right):
        ...     # The record of a document with one field.
        ...     slot = {"path": "voltage", "bucket": "correct" if right else "wrong", "gold": "480 V"}
        ...     score = {"slots": [slot], "exact": right}
        ...     score |= dict.fromkeys(("parsed", "repairable", "schema_valid", "canonical"), True)
        ...     return EvalRecord(row_id=str(n), status="scored", score=score)
        >>> arm = Arm(name="tuned", model="smollm2-135m-instruct", kind="tuned")
        >>> found = summarise(arm, "test", [record(n, right=n > 3) for n in range(40)])
        >>> accuracy = found.metrics["field_accuracy"]
        >>> f"{accuracy.value:.2f} [{accuracy.low:.2f}, {accuracy.high:.2f}], n = {accuracy.n}"
        '0.90 [0.76, 1.00], n = 40'
    """
    judged = [_document(r, all_null) for r in records if r.status != "unscored"]
    failures = Counter(r.reason or "unknown" for r in records if r.status == "failed")
    return Evaluation(
        arm=arm,
        split=split,
        n=len(records),
        scored=sum(r.status == "scored" for r in records),
        failed=sum(r.status == "failed" for r in records),
        unscored=sum(r.status == "unscored" for r in records),
        metrics=_metrics(judged, all_null),
        fields=_fields(judged),
        slices=_slices(judged),
        latency_s=_latency(arm, records),
        failures=dict(failures.most_common()),
        unsearched=sum(document.score.unsearched > 0 for document in judged),
        seconds=seconds,
    )


def _document(record: EvalRecord, all_null: Mapping[str, Score] | None) -> _Judged:
    if record.status == "scored" and record.score is not None:
        return _Judged(record, record.score)
    empty = (all_null or {}).get(record.row_id)
    return _Judged(record, NO_ANSWER if empty is None else forfeited(empty))


def _metrics(documents: Sequence[_Judged], all_null: Mapping[str, Score] | None) -> dict[str, Estimate]:
    paths = {slot.path for document in documents for slot in document.score.slots}
    names = ["field_accuracy", "exact_match", "format_consistency"]
    names += ["parse_rate", "repairable_rate", "schema_valid_rate"]
    if paths and paths <= {LABEL, TEXT}:
        metrics = {name: document_metric(documents, name) for name in ["accuracy", *names]}
        return metrics | ({"macro_f1": _macro_f1(documents)} if LABEL in paths else {})
    metrics = {name: document_metric(documents, name) for name in [*names, "hallucination_rate"]}
    return metrics | _slot_metrics(documents) | {"all_null_floor": _floor(documents, all_null)}


def document_metric(documents: Sequence[_Judged], metric: str) -> Estimate:
    """Estimate the mean of a metric over the documents that have it."""
    valued = [(d.record.group, value) for d in documents if (value := d.value(metric)) is not None]
    return estimate([value for _, value in valued], [group for group, _ in valued], metric)


def estimate(values: Sequence[float], groups: Sequence[str | None], metric: str) -> Estimate:
    """Estimate a per-document metric: a mean of shares, or a rate of documents."""
    units = sampling_units(groups)
    return mean(values, units) if metric in MEANS else rate(values, units)


class _Counts(NamedTuple):
    """The slot counts of one document that the metrics divide; ``filled`` slots have a label."""

    correct: int
    wrong: int
    missed: int
    invented: int
    right: int
    filled: int
    slots: int

    @classmethod
    def of(cls, slots: Iterable[SlotScore]) -> _Counts:
        kept = list(slots)
        buckets = Counter(slot.bucket for slot in kept)
        filled = sum(slot.gold is not None for slot in kept)
        return cls(
            correct=buckets["correct"],
            wrong=buckets["wrong"],
            missed=filled - buckets["correct"] - buckets["wrong"],
            invented=buckets["invented"],
            right=buckets["correct"] + buckets["correctly_empty"],
            filled=filled,
            slots=len(kept),
        )


def _slot_metrics(documents: Sequence[_Judged]) -> dict[str, Estimate]:
    """Compute micro, macro and per-slot metrics; a wrong value counts as false positive and
    false negative.
    """
    known = [d for d in documents if d.score.slots or d.record.status == "scored"]
    units = _units(known)
    c = np.array([_Counts.of(d.score.slots) for d in known], dtype=float).reshape(-1, len(_Counts._fields))
    correct, wrong, missed, invented, right, filled, slots = c.T
    metrics = {
        "field_accuracy_micro": ratio(right, slots, units),
        "field_accuracy_macro": mean_of_ratios(
            [counts for path, counts in _by_path(known).items() if not path.endswith(UNDECLARED)], units
        ),
        "precision": ratio(correct, correct + wrong + invented, units),
        "recall": ratio(correct, filled, units),
        "f1": ratio(2 * correct, 2 * correct + 2 * wrong + missed + invented, units),
        "invented_per_null_slot": ratio(invented, slots - filled, units),
        "edit_burden": mean(wrong + missed + invented, units, share=False),
    }
    if lost := len(documents) - len(known):
        note = f"without {lost} failed documents whose slots are unknown"
        metrics = {name: value.model_copy(update={"note": note}) for name, value in metrics.items()}
    return metrics


def _by_path(documents: Sequence[_Judged]) -> dict[str, tuple[list[int], list[int]]]:
    """Return, for each field, the number of right slots and of all slots by document."""
    paths = dict.fromkeys(slot.path for d in documents for slot in d.score.slots)
    table: dict[str, tuple[list[int], list[int]]] = {
        path: ([0] * len(documents), [0] * len(documents)) for path in paths
    }
    for i, document in enumerate(documents):
        for slot in document.score.slots:
            right, total = table[slot.path]
            right[i] += slot.bucket in RIGHT
            total[i] += 1
    return table


def _floor(documents: Sequence[_Judged], all_null: Mapping[str, Score] | None) -> Estimate:
    if all_null is None:
        return NOT_MEASURED
    empty = [d._replace(score=all_null[d.record.row_id]) for d in documents if d.record.row_id in all_null]
    values = [(d.record.group, value) for d in empty if (value := d.score.field_accuracy) is not None]
    return estimate([value for _, value in values], [group for group, _ in values], "field_accuracy")


def _macro_f1(documents: Sequence[_Judged]) -> Estimate:
    """Return the mean over labels of 2 TP / (2 TP + FP + FN); labels of either side count, as in
    scikit-learn.
    """
    slots = [(slot.gold, slot.predicted) for d in documents for slot in d.score.slots[:1]]
    labels = dict.fromkeys(label for pair in slots for label in pair if label is not None)
    pairs = []
    for label in labels:
        hits = np.array([2.0 * (gold == label == predicted) for gold, predicted in slots])
        either = np.array([float(gold == label) + float(predicted == label) for gold, predicted in slots])
        pairs.append((hits, either))
    return mean_of_ratios(pairs, _units([d for d in documents if d.score.slots]))


def _fields(documents: Sequence[_Judged]) -> tuple[FieldMetrics, ...]:
    units = _units(documents)
    buckets: dict[str, Counter[Bucket]] = {}
    for document in documents:
        for slot in document.score.slots:
            buckets.setdefault(slot.path, Counter())[slot.bucket] += 1
    return tuple(
        FieldMetrics(
            path=path,
            accuracy=NOT_MEASURED if path.endswith(UNDECLARED) else ratio(right, total, units),
            buckets={bucket: buckets[path][bucket] for bucket in get_args(Bucket)},
        )
        for path, (right, total) in _by_path(documents).items()
    )


def _slices(documents: Sequence[_Judged]) -> dict[str, dict[str, Estimate]]:
    slices = {}
    for name, seen in (("seen groups", True), ("unseen groups", False)):
        part = [d for d in documents if d.record.group_seen is seen]
        if part:
            slices[name] = {metric: document_metric(part, metric) for metric in SLICE_METRICS}
    return slices


def _latency(arm: Arm, records: Sequence[EvalRecord]) -> dict[str, Estimate]:
    """Return p50 and p95 in seconds, with one call at a time."""
    if arm.assumed_latency_s is not None:
        assumed = Estimate(value=arm.assumed_latency_s, method="assumed")
        return {"p50": assumed, "p95": assumed}
    seconds = [r.completion.latency_s for r in records if r.completion and r.completion.latency_s is not None]
    method = "order statistics, concurrency 1"
    return {"p50": quantile(seconds, 0.50, method), "p95": quantile(seconds, 0.95, method)}


def _units(documents: Sequence[_Judged]) -> Units:
    return sampling_units([document.record.group for document in documents])
