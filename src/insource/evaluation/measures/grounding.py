"""Measure invention without gold: which of an arm's values stand in their own documents.

Grounded is not correct, and not every field can be judged: a quantity of 2 stands in nearly every document.
So the power of the ladder is measured per field, and the observed rate is corrected for it.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from insource.evaluation.estimators import Units, ratio, sampling_units
from insource.evaluation.sample import sample
from insource.evaluation.scorers import schema_of
from insource.foundation.rng import generator
from insource.matching.align import align
from insource.matching.comparators import Comparator
from insource.matching.grounding import grounding_tier
from insource.stats.intervals import Floats, rule_of_three
from insource.types import Estimate, EvalRecord, Example, FieldGrounding, JsonSchema, Task, Tier

DOCUMENTS = 500
"""At most so many documents are judged: the ladder reads each of them for every value."""

PARTNERS = 3
"""Values of so many other documents are looked for in each document."""

MIN_VALUES = 20
MAX_MISS, MAX_FALSE_ALARM = 0.3, 0.5
BOOTSTRAPS = 1000


class _Value(NamedTuple):
    """A value of a field in one document, and the rung on which the document holds it."""

    document: int
    value: Any
    tier: Tier | None
    comparator: Comparator


class _Counts(NamedTuple):
    """By document: the arm's values and those not found, the same of the labels, and other documents' labels
    that were looked for and those found."""

    values: Floats
    unsupported: Floats
    labels: Floats
    absent: Floats
    tried: Floats
    found: Floats


class Grounding(NamedTuple):
    """The grounding of each field, and the metrics over all fields that can be judged."""

    fields: tuple[FieldGrounding, ...] = ()
    metrics: dict[str, Estimate] = {}


def grounding(task: Task, examples: Sequence[Example], records: Sequence[EvalRecord]) -> Grounding:
    """Return whether the values of an arm's answers stand in the documents, on at most ``DOCUMENTS`` of them.

    By field: the share u of labels that are not found in their own document (false alarm), the share q of
    other documents' labels that are found all the same (miss; equal values left out), and from the observed
    share the invented rate h = (observed - u) / (1 - q - u), clipped to [0, 1], with an interval by document
    bootstrap (Rogan and Gladen 1978). A field with q above ``MAX_MISS`` or u above ``MAX_FALSE_ALARM`` is not
    judged. ``task`` has its confirmed comparators in its schema (``scorers.compared``).
    """
    by_row = {record.row_id: record.score for record in records if record.score is not None}
    judged = sample([example for example in examples if example.row_id in by_row], DOCUMENTS)
    if not isinstance(task.output, JsonSchema) or not judged:
        return Grounding()
    # Partners follow each other in this order, which is that of no file.
    documents = sorted(judged, key=lambda example: (example.digest, example.row_id))
    labels: dict[str, list[_Value]] = defaultdict(list)
    answers: dict[str, list[_Value]] = defaultdict(list)
    for index, example in enumerate(documents):
        answer = by_row[example.row_id].answer
        for slot in align(json.loads(example.target), answer, schema_of(task, example)):
            for held, kept in ((slot.gold, labels), (slot.predicted, answers)):
                if _judgeable(slot.path, held):
                    tier = grounding_tier(held, example.input, slot.comparator)
                    kept[slot.path].append(_Value(index, held, tier, slot.comparator))
    units = sampling_units([example.group for example in documents])
    draws = _draws(len(documents))
    counts = {path: _counted(answers[path], labels.get(path, []), documents) for path in answers}
    rates = {path: _rates(one, draws) for path, one in counts.items()}
    fields = tuple(_field(path, answers[path], counts[path], rates[path], units) for path in counts)
    judgeable = [field.path for field in fields if not field.not_judged]
    return Grounding(
        fields, _overall([counts[p] for p in judgeable], [rates[p] for p in judgeable], draws, units)
    )


def _judgeable(path: str, value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool) and not path.endswith("*")


def _counted(answers: Sequence[_Value], labels: Sequence[_Value], documents: Sequence[Example]) -> _Counts:
    def by_document(places: Sequence[int]) -> Floats:
        return np.bincount(np.array(places, dtype=np.int64), minlength=len(documents)).astype(np.float64)

    first: dict[int, _Value] = {}
    own: dict[int, list[Any]] = defaultdict(list)
    for label in labels:
        first.setdefault(label.document, label)
        own[label.document].append(label.value)
    tried, found = [], []
    ring = list(first.values())
    for place, (index, label) in enumerate(first.items()):
        for step in range(1, min(PARTNERS, len(ring) - 1) + 1):
            other = ring[(place + step) % len(ring)].value
            if any(label.comparator.equal(value, other) for value in own[index]):
                continue
            tried.append(index)
            if grounding_tier(other, documents[index].input, label.comparator) not in (None, "derived"):
                found.append(index)
    return _Counts(
        values=by_document([one.document for one in answers]),
        unsupported=by_document([one.document for one in answers if one.tier is None]),
        labels=by_document([one.document for one in labels]),
        absent=by_document([one.document for one in labels if one.tier is None]),
        tried=by_document(tried),
        found=by_document(found),
    )


def _draws(documents: int) -> Floats:
    """Return how often each document is drawn: once in the first row, then in ``BOOTSTRAPS`` resamples."""
    rng = generator(0, "grounding.bootstrap")
    drawn = rng.multinomial(documents, np.full(documents, 1 / documents), BOOTSTRAPS)
    return np.vstack([np.ones(documents), drawn]).astype(np.float64)


def _rates(counts: _Counts, draws: Floats) -> Floats:
    """Return the corrected rate of each draw."""
    sums = [draws @ column for column in counts]
    observed, false_alarm, miss = (
        part / np.maximum(whole, 1)
        for part, whole in ((sums[1], sums[0]), (sums[3], sums[2]), (sums[5], sums[4]))
    )
    power = np.maximum(1 - miss - false_alarm, 1e-9)
    return np.asarray(np.clip((observed - false_alarm) / power, 0.0, 1.0), dtype=np.float64)


def _field(
    path: str, answers: Sequence[_Value], counts: _Counts, rates: Floats, units: Units
) -> FieldGrounding:
    miss = ratio(counts.found, counts.tried, units)
    false_alarm = ratio(counts.absent, counts.labels, units)
    why = ""
    if min(counts.values.sum(), counts.labels.sum(), counts.tried.sum()) < MIN_VALUES:
        why = "too few values"
    elif (miss.value or 0) > MAX_MISS:
        why = f"{100 * (miss.value or 0):.0f} % of other documents' values are found too"
    elif (false_alarm.value or 0) > MAX_FALSE_ALARM:
        why = f"{100 * (false_alarm.value or 0):.0f} % of the labels are not found in their own documents"
    invented = _corrected(rates, int((counts.values > 0).sum()))
    return FieldGrounding(
        path=path,
        values=len(answers),
        tiers=dict(sorted(Counter(one.tier for one in answers if one.tier is not None).items())),
        unsupported=ratio(counts.unsupported, counts.values, units),
        false_alarm=false_alarm,
        miss=miss,
        invented=Estimate(value=None, note=f"grounding cannot judge this field: {why}") if why else invented,
        not_judged=why,
    )


def _corrected(rates: Floats, n: int) -> Estimate:
    value, method = float(rates[0]), "Rogan-Gladen, document bootstrap"
    low, high = (float(end) for end in np.quantile(rates[1:], [0.025, 0.975]))
    if high > low:
        return Estimate(value=value, low=low, high=high, n=n, method=method)
    if value in (0.0, 1.0):  # no resample differs: the bound of the documents
        low, high = (0.0, rule_of_three(n)) if value == 0 else (1 - rule_of_three(n), 1.0)
        return Estimate(value=value, low=low, high=high, n=n, method="Rogan-Gladen, rule of three, one-sided")
    return Estimate(value=value, n=n, method=method, note="no variation: no interval")


def _overall(
    counts: Sequence[_Counts], rates: Sequence[Floats], draws: Floats, units: Units
) -> dict[str, Estimate]:
    """Return the observed and the corrected share over the judged fields, weighted by their values."""
    if not counts:
        return {}
    values, unsupported = (np.sum([one[i] for one in counts], axis=0) for i in (0, 1))
    weights = np.array([draws @ one.values for one in counts])
    pooled = (np.array(rates) * weights).sum(axis=0) / np.maximum(weights.sum(axis=0), 1)
    return {
        "unsupported_rate": ratio(unsupported, values, units),
        "source_invention_rate": _corrected(pooled, int((values > 0).sum())),
    }
