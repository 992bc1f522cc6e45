"""Summarise one arm: turn its records into estimates by metric, field and slice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, get_args

import numpy as np

from insource.evaluation.estimators import Units, mean, mean_of_ratios, quantile, rate, ratio, sampling_units
from insource.evaluation.measures.classes import class_metrics, confusion, macro_f1, out_of_scope, pairs_of
from insource.evaluation.measures.surface import surface_forms
from insource.evaluation.scorers import LABEL, TEXT, forfeited
from insource.matching.acceptable import RIGHT
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
    SurfaceForm,
)

BY_DOCUMENT: dict[str, Callable[[Score], float | None]] = {
    "field_accuracy": lambda score: score.field_accuracy,
    "accuracy": lambda score: score.field_accuracy,
    "exact_match": lambda score: float(score.exact),
    "format_consistency": lambda score: float(score.canonical),
    "parse_rate": lambda score: float(score.parsed),
    "repairable_rate": lambda score: float(score.repairable),
    "schema_valid_rate": lambda score: float(score.schema_valid),
    # Nobody can use an answer that cannot be read: it must not look like one that invents nothing.
    "hallucination_rate": lambda score: float(score.invented > 0 or not score.repairable),
}
"""The metrics that every task has by document. ``Score.metrics`` has those of a text and of own scorers."""

MEANS = frozenset({"field_accuracy"})
"""Those of ``BY_DOCUMENT`` that are a share within the document; all others are 0 or 1."""

LOWER_IS_BETTER = frozenset(
    {
        "hallucination_rate",
        "invented_per_null_slot",
        "invented_per_document",
        "edit_burden",
        "correction_cost",
        "abstention_rate",
        "unsupported_rate",
        "source_invention_rate",
    }
)

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
    """Return the metric of one document; a failed call has the worst value, like an unusable answer.

    That is 0, and 1 where a smaller value is better. The result is None when the document has nothing to
    judge, such as no slot for field accuracy or no required fact.
    """
    score = score or record.score
    if metric not in BY_DOCUMENT:
        # An unusable answer has 0 on each metric that the document has, and none of the others.
        unknown = 0.0 if record.status == "failed" and not (score and score.metrics) else None
        return score.metrics.get(metric, unknown) if score else unknown
    if record.status == "failed" or score is None:
        return float(metric in LOWER_IS_BETTER)
    return BY_DOCUMENT[metric](score)


def has_document_value(metric: str, records: Iterable[EvalRecord]) -> bool:
    """Return whether a metric has a value per document here; only such can be compared in pairs."""
    return metric in BY_DOCUMENT or any(record.score and metric in record.score.metrics for record in records)


def is_rate(metric: str) -> bool:
    """Return whether a metric is 0 or 1 in every document by its definition."""
    return metric.startswith("style_") or (metric in BY_DOCUMENT and metric not in MEANS)


def summarise(
    arm: Arm,
    split: str,
    records: Sequence[EvalRecord],
    *,
    seconds: float = 0.0,
    all_null: Mapping[str, Score] | None = None,
    out_of_scope_label: str = "",
    concurrency: int = 1,
) -> Evaluation:
    """Compute every metric of ``docs/reference/metrics.md`` for one arm on one split.

    Scored and failed records are evaluated; unscored ones are only counted. ``all_null`` holds the score of
    an empty answer by row id (``scorers.empty_scores``). It gives the all-null floor, and the slots that a
    failed call misses. Without it, the floor is not measured, and failed calls are missing from the metrics
    over slots (as their note says), but never from those over documents. ``out_of_scope_label`` is the label
    of documents that belong to none of the others; ``concurrency`` is how many calls were in flight at once.

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
    forms, uniform = surface_forms([document.score.slots for document in judged], _units(judged))
    failures = Counter(r.reason or "unknown" for r in records if r.status == "failed")
    return Evaluation(
        arm=arm,
        split=split,
        n=len(records),
        scored=sum(r.status == "scored" for r in records),
        failed=sum(r.status == "failed" for r in records),
        unscored=sum(r.status == "unscored" for r in records),
        metrics=_metrics(judged, all_null, uniform, out_of_scope_label),
        fields=_fields(judged, forms),
        **_classes(judged),
        slices=_slices(judged),
        latency_s=_latency(arm, records, concurrency),
        failures=dict(failures.most_common()),
        unsearched=sum(document.score.unsearched > 0 for document in judged),
        seconds=seconds,
    )


def _document(record: EvalRecord, all_null: Mapping[str, Score] | None) -> _Judged:
    if record.score is not None:
        return _Judged(record, record.score)
    empty = (all_null or {}).get(record.row_id)
    return _Judged(record, NO_ANSWER if empty is None else forfeited(empty))


def _metrics(
    documents: Sequence[_Judged],
    all_null: Mapping[str, Score] | None,
    uniform: Estimate,
    out_of_scope_label: str,
) -> dict[str, Estimate]:
    names = ["field_accuracy", "exact_match", "format_consistency"]
    names += ["parse_rate", "repairable_rate", "schema_valid_rate"]
    own = dict.fromkeys(name for document in documents for name in document.score.metrics)
    if labelled := _label_slots(documents):
        metrics = {name: document_metric(documents, name) for name in ["accuracy", *names, *own]}
        return metrics | _label_metrics(*labelled, out_of_scope_label)
    metrics = {name: document_metric(documents, name) for name in [*names, "hallucination_rate", *own]}
    metrics |= {} if uniform.value is None else {"surface_consistency": uniform}
    return metrics | _slot_metrics(documents) | {"all_null_floor": _floor(documents, all_null)}


def _label_slots(documents: Sequence[_Judged]) -> tuple[list[SlotScore], Units] | None:
    """Return the only slot of each document with its units, None when answers are objects."""
    paths = {slot.path for document in documents for slot in document.score.slots}
    if not paths or not paths <= {LABEL, TEXT}:
        return None
    kept = [document for document in documents if document.score.slots]
    return [document.score.slots[0] for document in kept], _units(kept)


def _label_metrics(slots: Sequence[SlotScore], units: Units, out_of_scope_label: str) -> dict[str, Estimate]:
    metrics = {}
    if slots[0].path == LABEL:
        pairs = pairs_of(slots)
        metrics["macro_f1"] = macro_f1(pairs, units)
        metrics |= out_of_scope(pairs, out_of_scope_label, units) if out_of_scope_label else {}
    if abstained := [float(slot.bucket == "abstained") for slot in slots] if _abstains(slots) else []:
        metrics["abstention_rate"] = rate(abstained, units)
    return metrics


def _abstains(slots: Iterable[SlotScore]) -> bool:
    return any(slot.bucket == "abstained" for slot in slots)


def _classes(documents: Sequence[_Judged]) -> dict[str, Any]:
    """Return the figures by label, for a label task."""
    labelled = _label_slots(documents)
    if not labelled or labelled[0][0].path != LABEL:
        return {}
    pairs = pairs_of(labelled[0])
    return {"classes": class_metrics(pairs, labelled[1]), "confusion": confusion(pairs)}


def document_metric(documents: Sequence[_Judged], metric: str) -> Estimate:
    """Estimate the mean of a metric over the documents that have it."""
    valued = [(d.record.group, value) for d in documents if (value := d.value(metric)) is not None]
    return estimate([value for _, value in valued], [group for group, _ in valued], metric)


def estimate(values: Sequence[float], groups: Sequence[str | None], metric: str) -> Estimate:
    """Estimate a per-document metric: a mean of shares, or a rate of documents."""
    units = sampling_units(groups)
    if is_rate(metric):
        return rate(values, units)
    return mean(values, units, share=all(0 <= value <= 1 for value in values))


class _Counts(NamedTuple):
    """The slot counts of one document that the metrics divide; ``filled`` slots have a label.

    A labelled value for which the answer abstained is missed; ``unsure`` ones have no label.
    """

    correct: int
    wrong: int
    missed: int
    invented: int
    right: int
    filled: int
    slots: int
    abstained: int
    unsure: int

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
            abstained=buckets["abstained"],
            unsure=sum(slot.bucket == "abstained" and slot.gold is None for slot in kept),
        )


def _slot_metrics(documents: Sequence[_Judged]) -> dict[str, Estimate]:
    """Compute micro, macro and per-slot metrics; a wrong value counts as false positive and
    false negative.
    """
    known = [d for d in documents if d.score.slots or d.record.status == "scored"]
    units = _units(known)
    c = np.array([_Counts.of(d.score.slots) for d in known], dtype=float).reshape(-1, len(_Counts._fields))
    correct, wrong, missed, invented, right, filled, slots, abstained, unsure = c.T
    metrics = {
        "field_accuracy_micro": ratio(right, slots, units),
        "field_accuracy_macro": mean_of_ratios(
            [counts for path, counts in _by_path(known).items() if not path.endswith(UNDECLARED)], units
        ),
        "precision": ratio(correct, correct + wrong + invented, units),
        "recall": ratio(correct, filled, units),
        "f1": ratio(2 * correct, 2 * correct + 2 * wrong + missed + invented, units),
        "invented_per_null_slot": ratio(invented, slots - filled, units),
        "invented_per_document": mean(invented, units, share=False),
        "edit_burden": mean(wrong + missed + invented + unsure, units, share=False),
    }
    if abstained.any():
        metrics["abstention_rate"] = ratio(abstained, slots, units)
    costs = [d.score.correction_cost for d in known]
    if any(cost is not None for cost in costs):
        metrics["correction_cost"] = mean([cost or 0.0 for cost in costs], units, share=False)
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


def _fields(documents: Sequence[_Judged], forms: Mapping[str, SurfaceForm]) -> tuple[FieldMetrics, ...]:
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
            surface=forms.get(path),
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


def _latency(arm: Arm, records: Sequence[EvalRecord], concurrency: int) -> dict[str, Estimate]:
    """Return p50 and p95 in seconds, of calls of which so many were in flight."""
    if arm.assumed_latency_s is not None:
        assumed = Estimate(value=arm.assumed_latency_s, method="assumed")
        return {"p50": assumed, "p95": assumed}
    seconds = [r.completion.latency_s for r in records if r.completion and r.completion.latency_s is not None]
    method = f"order statistics, concurrency {concurrency}"
    return {"p50": quantile(seconds, 0.50, method), "p95": quantile(seconds, 0.95, method)}


def _units(documents: Sequence[_Judged]) -> Units:
    return sampling_units([document.record.group for document in documents])
