"""Fit span ranking to training rows, and answer each of them by models that have not seen its group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from insource.arms.classical.spans.choosing import Chosen, chosen
from insource.arms.classical.spans.folds import Fold, fold_sets
from insource.arms.classical.spans.forms import container_forms
from insource.arms.classical.spans.judging import logistic
from insource.arms.classical.spans.out_of_fold import fit_fields
from insource.arms.classical.spans.row_search import fit_finders, locate, row_group, row_paths
from insource.arms.classical.spans.samples import Sample, all_fields, samples_of
from insource.arms.classical.spans.teaching import Group, group_of
from insource.evaluation.scorers import build_scorer
from insource.models.fitted.spans.claims import log_product
from insource.models.fitted.spans.document import Scope
from insource.models.fitted.spans.field_model import FieldModel
from insource.models.fitted.spans.fields import Field, Path
from insource.models.fitted.spans.logistic import Logistic
from insource.models.fitted.spans.model import SpanModel
from insource.models.fitted.spans.rows import RowFinder
from insource.types import Completion, Example, JsonSchema, Score, Task

CONFIDENCE_STRENGTH = 1.0


class FittedSpans(NamedTuple):
    """The model; each training row with its score by models that have not seen its group; settings compared.

    ``judged`` are the fields for which a label of the whole text was better than spans.
    """

    model: SpanModel
    held_out: tuple[tuple[Example, Score], ...]
    compared: int
    judged: tuple[str, ...]


@dataclass(frozen=True)
class _Rows:
    """One list of objects: its finder fitted to all rows, and to each fold."""

    whole: RowFinder | None
    folds: Sequence[RowFinder | None]
    none_right: float


def fit_spans(task: Task, examples: Iterable[Example], seed: int = 0) -> FittedSpans:
    """Fit to training rows; their order does not matter."""
    samples = samples_of(task, examples)
    sets = fold_sets(samples, seed)
    fields = all_fields(task, samples)
    groups = [_whole(samples, [one for one in fields.values() if not one.rows])]
    rows: dict[Path, _Rows] = {}
    for path in row_paths(fields.values()):
        inner = [one for one in fields.values() if one.rows == path]
        located = locate(samples, path, inner)
        groups.append(row_group(samples, located, inner))
        finder, by_fold = fit_finders(samples, located, sets[0] if sets else (), seed)
        empty = [not items for items, found in zip(located.items, located.places, strict=True) if not found]
        rows[path] = _Rows(finder, by_fold, (sum(empty) + 1) / (len(empty) + 2))
    found = [chosen(group, sets, fit_fields(group, sets, seed)) for group in groups]
    blank = _blank(task, samples, rows)
    held_out = _held_out(task, samples, sets[0] if sets else (), found, rows, blank)
    model = replace(
        blank,
        fields=tuple(one for group in found for one in group.models(None, range(len(samples)))),
        finders={path: one.whole for path, one in rows.items() if one.whole is not None},
        confidence=_document_confidence(held_out),
    )
    return FittedSpans(
        model,
        tuple((example, score) for example, score, _ in held_out),
        compared=max((group.compared for group in found), default=1),
        judged=tuple(name for group in found for name in group.judged),
    )


def _whole(samples: Sequence[Sample], fields: Sequence[Field]) -> Group:
    scopes = [Scope.whole(sample.document) for sample in samples]
    golds = {one.path: [sample.values(one.path) for sample in samples] for one in fields}
    return group_of(scopes, range(len(samples)), fields, golds)


def _blank(task: Task, samples: Sequence[Sample], rows: Mapping[Path, _Rows]) -> SpanModel:
    """Return the model without anything that is fitted."""
    contracts: dict[str, dict[str, Any]] = {}
    for sample in samples:
        if sample.example.contract is not None:
            contracts.setdefault(repr(sample.example.contract), sample.example.contract)
    return SpanModel(
        schema=task.output.definition if isinstance(task.output, JsonSchema) else {},
        contracts=tuple(contracts.values()),
        fields=(),
        none_right={path: one.none_right for path, one in rows.items()},
        forms=container_forms(samples),
    )


def _held_out(
    task: Task,
    samples: Sequence[Sample],
    folds: Sequence[Fold],
    groups: Sequence[Chosen],
    rows: Mapping[Path, _Rows],
    blank: SpanModel,
) -> list[tuple[Example, Score, float]]:
    """Answer each fold's held-out rows by the models fitted to the others; return scores and log-products."""
    score = build_scorer(task)
    found = []
    for k, fold in enumerate(folds):
        fields: list[FieldModel] = [one for group in groups for one in group.models(k, fold.train.tolist())]
        finders = {path: one.folds[k] for path, one in rows.items()}
        model = replace(
            blank,
            fields=tuple(fields),
            finders={path: one for path, one in finders.items() if one is not None},
        )
        for n in fold.held.tolist():
            example = samples[n].example
            answer = model.answer_to(samples[n].document, example.attributes)
            judged = score(example, Completion(text=answer.text))
            found.append((example, judged, log_product(answer.field_confidences.values())))
    return found


def _document_confidence(held_out: Sequence[tuple[Example, Score, float]]) -> Logistic | None:
    """Calibrate the product of the fields' confidences; None where more confidence would mean less."""
    if not held_out:
        return None
    features = np.array([[product] for _, _, product in held_out])
    model = logistic(features, [int(score.exact) for _, score, _ in held_out], CONFIDENCE_STRENGTH)
    rises = model is not None and model.coefficients[1, 0] > 0
    return model if rises else None
