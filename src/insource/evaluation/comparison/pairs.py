"""Put the records of two arms side by side: one pair a document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from insource.evaluation.metrics import BY_DOCUMENT, LOWER_IS_BETTER, document_value, has_document_value
from insource.foundation.errors import ConfigError, DataError
from insource.stats.intervals import Floats
from insource.types import Arm, EvalRecord

Side = tuple[Arm, Sequence[EvalRecord]]
"""An arm with its records."""

Value = Callable[[EvalRecord], float | None]


class Pairs(NamedTuple):
    """One value per arm for each common document, in the order of the candidate's records."""

    candidate: Floats
    baseline: Floats
    groups: tuple[str | None, ...]
    seen: tuple[bool | None, ...]
    row_ids: tuple[str, ...]
    left_out: int

    def gains(self, metric: str) -> Floats:
        """Return candidate minus baseline in the good direction, which for a hallucination rate is down."""
        return gain_sign(metric) * (self.candidate - self.baseline)


def gain_sign(metric: str) -> float:
    """Return -1 where a smaller value of the metric is better, else 1."""
    return -1.0 if metric in LOWER_IS_BETTER else 1.0


def require_by_document(metric: str, records: Sequence[EvalRecord]) -> None:
    """Refuse a metric without a value per document in these records.

    Raises:
        ConfigError: ``metric-not-comparable``.
    """
    if not has_document_value(metric, records):
        raise ConfigError(
            "metric-not-comparable",
            f"The metric `{metric}` has no value per document, so two arms cannot be compared on it.",
            hint="Set `primary_metric` to one of: " + ", ".join(BY_DOCUMENT),
        )


def pair(candidate: Side, baseline: Side, metric: str) -> Pairs:
    """Pair the documents that were asked of both arms and have a value of the metric.

    Raises:
        DataError: ``no-common-documents``, or ``doubled-documents`` when an arm has two records of one.
    """
    pairs = pair_values(candidate, baseline, lambda record: document_value(record, metric))
    if not pairs.row_ids:
        raise DataError(
            "no-common-documents",
            f"{candidate[0].name} and {baseline[0].name} have no evaluated document in common.",
            hint="Evaluate both on the same split: insource evaluate",
        )
    return pairs


def pair_values(candidate: Side, baseline: Side, value: Value) -> Pairs:
    """Pair the documents for which ``value`` is not None under both arms; there may be none.

    Raises:
        DataError: ``doubled-documents`` when an arm has two records of one document.
    """
    ours, theirs = _by_row(candidate), _by_row(baseline)
    common = [
        (row_id, record.group, record.group_seen, first, second)
        for row_id, record in ours.items()
        if row_id in theirs
        and (first := value(record)) is not None
        and (second := value(theirs[row_id])) is not None
    ]
    row_ids, groups, seen, first_values, second_values = zip(*common, strict=True) if common else ((),) * 5
    return Pairs(
        np.array(first_values, dtype=float),
        np.array(second_values, dtype=float),
        groups,
        seen,
        row_ids,
        left_out=len(ours.keys() | theirs.keys()) - len(common),
    )


def _by_row(side: Side) -> dict[str, EvalRecord]:
    arm, records = side
    asked = [record for record in records if record.status != "unscored"]
    found = {record.row_id: record for record in asked}
    if len(found) < len(asked):
        raise DataError(
            "doubled-documents",
            f"{arm.name} has {len(asked):,} answers for {len(found):,} documents: some row ids occur twice.",
            hint="Keep one answer a document, then compare again.",
        )
    return found
