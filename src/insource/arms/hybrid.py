"""The hybrid: each field from the arm that is better at it, where validation shows that it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from insource.arms.factory import ArmInputs
from insource.arms.fitting import ask_directly
from insource.arms.recorded import RecordsModel, by_document
from insource.evaluation.metrics import UNDECLARED, document_value, estimate
from insource.evaluation.plan import ArmPlan
from insource.evaluation.stage import Evaluated
from insource.foundation.canonical import digest
from insource.foundation.rng import generator
from insource.matching.acceptable import RIGHT
from insource.models.assembled import AssembledModel
from insource.models.protocol import Model
from insource.stats.paired import paired_mean
from insource.types import Arm, Estimate, EvalRecord, JsonSchema
from insource.types.choice import HYBRID, HybridParts
from insource.types.evaluation import Effort

FOLDS = 5
METRICS = frozenset({"field_accuracy", "exact_match"})
"""The metrics that follow from the right slots of each field."""

Shares = dict[str, tuple[int, int]]
"""Right slots and all slots of one document, by top-level field."""


class Hybrid(NamedTuple):
    """Which arm answers which field, and what that reaches on validation documents.

    ``expected`` is by nested folds: each fold is answered by a hybrid that was chosen on the others.
    ``values`` are the figures behind it, by row id.
    """

    parts: HybridParts
    expected: Estimate
    effort: Effort
    values: dict[str, float]


def chosen_fields(default: Evaluated, others: Sequence[Evaluated], metric: str) -> Hybrid | None:
    """Choose the fields that another arm answers better on the validation split; None when there is none.

    A field goes to another arm only where that arm's paired gain in right slots exceeds its standard error,
    by group where documents share groups. A failed or unreadable answer counts as the hybrid would treat it:
    the default's is a failure, another's is replaced by the default's. The hybrid has to gain by nested
    folds, too: what is chosen and measured on the same few documents looks better than it is.
    """
    if metric not in METRICS:
        return None
    shares = {one.evaluation.arm.name: _shares(one.records) for one in (default, *others)}
    asked = [{record.row_id for record in one.records} for one in (default, *others)]
    records = [record for record in default.records if record.row_id in set.intersection(*asked)]
    records = [record for record in records if document_value(record, metric) is not None]
    if len(records) < 2 * FOLDS:
        return None
    name = default.evaluation.arm.name
    units = [record.group or record.row_id for record in records]
    order = sorted(set(units))
    generator(0, "arms.hybrid").shuffle(order)
    fold = {unit: place % FOLDS for place, unit in enumerate(order)}
    nested = np.zeros(len(records))
    alone = np.array([_value(shares, name, {}, record.row_id, metric) for record in records])
    for held in range(FOLDS):
        source = _source(shares, name, [r for r, u in zip(records, units, strict=True) if fold[u] != held])
        for at, (record, unit) in enumerate(zip(records, units, strict=True)):
            if fold[unit] == held:
                nested[at] = _value(shares, name, source, record.row_id, metric)
    source = _source(shares, name, records)
    if not source or nested.mean() <= alone.mean():
        return None
    return Hybrid(
        parts=HybridParts(default=name, source=source),
        expected=estimate(nested.tolist(), [record.group for record in records], metric),
        effort=Effort(
            validation_evaluations=FOLDS + 1,
            settings={field: f"from {arm}" for field, arm in source.items()} | {"others": f"from {name}"},
        ),
        values={record.row_id: float(value) for record, value in zip(records, nested, strict=True)},
    )


def _shares(records: Sequence[EvalRecord]) -> dict[str, Shares]:
    """Return the shares of each document with a readable answer: only such an answer is assembled."""
    found: dict[str, Shares] = {}
    for record in records:
        if record.status == "failed" or record.score is None or not record.score.repairable:
            continue
        right: dict[str, list[bool]] = defaultdict(list)
        for slot in record.score.slots:
            right[field_of(slot.path)].append(slot.bucket in RIGHT)
        found[record.row_id] = {field: (sum(hits), len(hits)) for field, hits in right.items()}
    return found


def field_of(path: str) -> str:
    """Return the top-level field of a slot's path: ``power`` of ``power.voltage`` or ``power[].unit``."""
    return path.split(".")[0].split("[")[0]


def _source(
    shares: Mapping[str, Mapping[str, Shares]], default: str, records: Sequence[EvalRecord]
) -> dict[str, str]:
    """Return, by field, the arm whose gain over the default exceeds its standard error most."""
    source: dict[str, str] = {}
    kept = [record for record in records if record.row_id in shares[default]]
    fields = sorted({field for record in kept for field in shares[default][record.row_id]})
    for field in fields:
        best = 0.0
        having = [record for record in kept if field in shares[default][record.row_id]]
        groups = [record.group for record in having]
        for arm in shares:
            if arm == default or field.endswith(UNDECLARED):
                continue
            gain = _gain([_lead(shares, arm, default, record.row_id, field) for record in having], groups)
            if gain > best:
                best, source[field] = gain, arm
    return source


def _lead(shares: Mapping[str, Mapping[str, Shares]], arm: str, default: str, row: str, field: str) -> float:
    """Return by how much the share of right slots is larger with the field of ``arm``, where it has one."""
    own = shares[default][row][field]
    other = shares[arm].get(row, {}).get(field, own)
    return other[0] / other[1] - own[0] / own[1]


def _gain(differences: Sequence[float], groups: Sequence[str | None]) -> float:
    """Return by how much the mean gain exceeds its standard error; 0 when it does not or is unknown."""
    if not differences:
        return 0.0
    clusters = groups if all(group is not None for group in groups) else None
    found = paired_mean(differences, clusters)
    if found.error is None:
        return 0.0
    return max(0.0, found.value - found.error.value)


def _value(
    shares: Mapping[str, Mapping[str, Shares]], default: str, source: Mapping[str, str], row: str, metric: str
) -> float:
    """Return the metric of one document whose fields come from ``source``, else from the default.

    Without a readable answer of the default there is no answer (``AssembledModel``).
    """
    if row not in shares[default]:
        return 0.0
    parts = [
        shares[source.get(field, default)].get(row, {}).get(field, counts)
        for field, counts in shares[default][row].items()
    ]
    right, slots = sum(part[0] for part in parts), sum(part[1] for part in parts)
    if metric == "exact_match":
        return float(right == slots)
    return right / slots


def hybrid_plan(
    inputs: ArmInputs, parts: HybridParts, evaluated: Sequence[Evaluated], found: Hybrid | None = None
) -> ArmPlan:
    """Return the plan that assembles the recorded answers of its arms, on documents that all were asked."""
    named = {one.evaluation.arm.name: one for one in evaluated}
    arms = [named[name] for name in parts.names]
    asked = [{record.row_id for record in one.records} for one in arms]
    examples = tuple(one for one in inputs.test if all(one.row_id in rows for rows in asked))
    arm = _arm(parts, [one.evaluation.arm for one in arms])
    source = {field: parts.names.index(name) for field, name in parts.source.items()}
    output = inputs.task.output
    if not isinstance(output, JsonSchema):
        raise ValueError("a hybrid is made of the fields of JSON answers")

    @contextmanager
    def model() -> Iterator[Model]:
        models = [
            RecordsModel(
                one.evaluation.arm.model, by_document(examples, one.records), local=one.evaluation.arm.local
            )
            for one in arms
        ]
        yield AssembledModel(arm.model, models, source, output)

    return ArmPlan(
        arm=arm,
        examples=examples,
        identity={one.evaluation.arm.name: one.run.digest for one in arms} | {"source": digest(parts.source)},
        model=model,
        ask=lambda example: ask_directly(inputs, example),
        confidence=lambda example, completion: completion.confidence,
        effort=found.effort if found else None,
        expected=found.expected if found else None,
    )


def _arm(parts: HybridParts, arms: Sequence[Arm]) -> Arm:
    others = ", ".join(f"{field} from {name}" for field, name in sorted(parts.source.items()))
    return Arm(
        name=HYBRID,
        model=" + ".join(arm.model for arm in arms),
        kind=HYBRID,
        role="candidate",
        local=all(arm.local for arm in arms),
        simulated=any(arm.simulated for arm in arms),
        description=f"{parts.default}, but {others}",
    )
