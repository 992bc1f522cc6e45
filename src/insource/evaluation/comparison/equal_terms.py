"""Arms that were asked about different documents, put on equal terms before one of them is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from insource.evaluation.metrics import document_value
from insource.types import EvalRecord

Values = Mapping[str, float]
"""A metric by row id."""


def values_of(records: Sequence[EvalRecord], metric: str) -> dict[str, float]:
    """Return the metric of each document that has it."""
    return {
        record.row_id: value
        for record in records
        if record.status != "unscored" and (value := document_value(record, metric)) is not None
    }


def on_equal_terms(values: Mapping[str, Values], yardstick: str) -> dict[str, float]:
    """Return each arm's mean as it is expected on the documents of the arm ``yardstick``.

    It is the yardstick's mean plus the mean paired difference on the documents that both were asked about
    (the difference estimator of double sampling; Cochran 1977, Sampling Techniques, chapter 12). An arm on
    easier documents gains nothing by that. Arms without a document in common are left out.
    """
    measure = values[yardstick]
    found = {}
    for name, of_arm in values.items():
        common = [row for row in of_arm if row in measure]
        if common:
            lead = fmean(of_arm[row] - measure[row] for row in common)
            found[name] = fmean(measure.values()) + lead
    return found
