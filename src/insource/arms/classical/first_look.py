"""Cross-validate the classical arms on a sample, without keeping what they fit: a first look at a task."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from insource.arms.classical import fields
from insource.arms.classical.label_fit import LabelRows, fit_labels
from insource.arms.classical.labels import expected_of as expected_labels
from insource.arms.floor import most_common
from insource.arms.folds import assign, units_of
from insource.decision.from_log.rungs import judged_by
from insource.evaluation.metrics import estimate
from insource.models.fitted.labels import NGRAMS
from insource.types import Estimate, Example, JsonSchema, Task
from insource.types.log_profile import CheapRung

FLOOR, NGRAM_ARM = "floor", "labels-ngrams"


def first_look(task: Task, examples: Sequence[Example]) -> tuple[CheapRung, ...]:
    """Return the floor and the classical arm of a task, each judged on examples that it has not seen.

    Raises:
        ValueError: these examples cannot be fitted.
    """
    by = judged_by(examples)
    if isinstance(task.output, JsonSchema):
        from insource.arms.classical.spans.fit import fit_spans

        held_out = fit_spans(task, examples).held_out
        quality = fields.expected_of(task, held_out)
        return (
            CheapRung(
                name=fields.NAME,
                metric=task.primary_metric,
                quality=quality,
                rows=len(held_out),
                judged_by=by,
            ),
        )
    units = units_of(examples)
    rows = LabelRows([one.input for one in examples], [one.target for one in examples], units)
    fit = fit_labels(rows, (NGRAMS,), task.out_of_scope or None)
    return tuple(
        CheapRung(name=name, metric="accuracy", quality=quality, rows=len(examples), judged_by=by)
        for name, quality in ((FLOOR, _floor(examples, units)), (NGRAM_ARM, expected_labels(fit, examples)))
        if quality is not None
    )


def _floor(examples: Sequence[Example], units: Sequence[str]) -> Estimate:
    """Return how often the most common label of the other folds is right."""
    fold = assign(units, [one.target for one in examples])
    right = [0.0] * len(examples)
    for number in set(fold.tolist()):
        label = most_common([one for one, at in zip(examples, fold.tolist(), strict=True) if at != number])
        for place in np.flatnonzero(fold == number).tolist():
            right[place] = float(examples[place].target == label)
    return estimate(right, [one.group for one in examples], "accuracy")
