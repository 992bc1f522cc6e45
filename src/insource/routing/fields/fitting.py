"""Learn the confidence of fields from answers with a label, each by folds that did not see its group."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from insource.matching.acceptable import RIGHT
from insource.routing.fields.calibration import Calibration, calibrated
from insource.routing.fields.features import FEATURES, features_of, read
from insource.routing.fields.habits import WHOLE, FieldValue, Habits, values_of
from insource.routing.fields.model import FieldConfidence
from insource.routing.fields.novelty import KnownText
from insource.types import Completion, JsonSchema, OutputSpec, Score

LEAST_WRONG = 10
"""With fewer wrong or right fields there is nothing to learn from."""
FOLDS = 5
STRENGTHS = (0.003, 0.03, 0.3)
LEAST_OF_FIELD = 30
"""A field with fewer values has no weight of its own."""

Floats = NDArray[np.float64]


class LabelledAnswer(NamedTuple):
    """An answer with its score. ``unit`` is what stays together in a fold: its group, else the document.

    ``novelty`` is that of the document against training documents of other groups. ``checked`` says that
    people stand behind the label; otherwise it is a model's answer, and the score says whether both agree.
    """

    row_id: str
    unit: str
    source: str
    document: str
    completion: Completion
    score: Score
    novelty: float
    checked: bool


class Rows(NamedTuple):
    """Features and outcomes of fields: ``x`` (n, ``len(FEATURES)``), the rest (n,)."""

    x: Floats
    right: NDArray[np.bool_]
    paths: NDArray[np.str_]
    units: NDArray[np.str_]
    answers: NDArray[np.intp]


def rows_of(answers: Sequence[LabelledAnswer], output: OutputSpec, habits: Habits) -> Rows:
    """Return one row for each field that was judged, in the order of the answers."""
    x, right, paths, units, numbers = [], [], [], [], []
    for number, one in enumerate(answers):
        outcomes = outcomes_of(one.score, output)
        fields = [field for field in _fields(one, output) if field.path in outcomes]
        if not fields:
            continue
        x += features_of(fields, one.completion, read(one.document, one.novelty), habits)
        for field in fields:
            right.append(outcomes[field.path])
            paths.append(field.path)
            units.append(one.unit)
            numbers.append(number)
    return Rows(
        np.array(x, dtype=float).reshape(-1, len(FEATURES)),
        np.array(right, dtype=bool),
        np.array(paths, dtype=str),
        np.array(units, dtype=str),
        np.array(numbers, dtype=np.intp),
    )


def outcomes_of(score: Score, output: OutputSpec) -> dict[str, bool]:
    """Return whether each field is right: every one of its items is, and none is missing or too many.

    A field by which the answer abstained has no outcome.
    """
    if not isinstance(output, JsonSchema):
        return {WHOLE: score.exact}
    found: dict[str, bool] = {}
    abstained = {slot.path for slot in score.slots if slot.bucket == "abstained"}
    for slot in score.slots:
        if slot.path not in abstained:
            found[slot.path] = found.get(slot.path, True) and slot.bucket in RIGHT
    return found


def usable(completion: Completion | None, score: Score | None) -> bool:
    """Return whether an answer can teach: it fits the contract, and something measured how sure it is."""
    return bool(completion and score and score.schema_valid and completion.finish_reason != "length") and (
        completion is not None and completion.confidence is not None
    )


def _fields(one: LabelledAnswer, output: OutputSpec) -> list[FieldValue]:
    return values_of(one.score.answer if isinstance(output, JsonSchema) else one.completion.text, output)


def fit_confidence(
    answers: Sequence[LabelledAnswer],
    output: OutputSpec,
    *,
    task: str,
    arm: str,
    known: KnownText,
    habits: Habits,
) -> FieldConfidence | None:
    """Fit to answers that certify nothing; None where they do not suffice or teach nothing.

    An L2 logistic regression of all features competes with one of the stated confidence alone, at several
    strengths, by the log loss of held-out groups. The curves are fitted to held-out scores, too.
    """
    rows = rows_of(answers, output, habits)
    wrong = int((~rows.right).sum())
    if min(wrong, len(rows.right) - wrong) < LEAST_WRONG or len(set(rows.units.tolist())) < 2:
        return None
    settings = [(only_own, strength) for only_own in (True, False) for strength in STRENGTHS]
    tried = [(_held_out(rows, *setting), setting) for setting in settings]
    scores, (only_own, strength) = min(tried, key=lambda one: _log_loss(one[0], rows.right))
    curve = calibrated(scores, rows.right)
    if curve is None:
        return None
    linear = _Linear.fit(rows, np.ones(len(rows.right), dtype=bool), only_own, strength)
    among = "the stated confidence" if only_own else f"{len(FEATURES)} features"
    return FieldConfidence(
        task=task,
        arm=arm,
        documents=dict(Counter(one.source for one in answers)),
        labels=dict(Counter("gold" if one.checked else "agreement" for one in answers)),
        fields=len(rows.right),
        wrong=wrong,
        learner=f"L2 logistic regression of {among}, C = {strength:g}",
        center=tuple(linear.center.tolist()),
        scale=tuple(linear.scale.tolist()),
        weights=tuple(linear.weights.tolist()),
        intercept=linear.intercept,
        by_field=linear.by_field,
        calibration=curve,
        answer=_of_answers(rows, curve.of(scores)),
        known=known,
        habits=habits,
    )


class _Linear(NamedTuple):
    """The fitted linear score."""

    center: Floats
    scale: Floats
    weights: Floats
    intercept: float
    by_field: dict[str, float]

    @classmethod
    def fit(cls, rows: Rows, train: NDArray[np.bool_], only_own: bool, strength: float) -> _Linear:
        from sklearn.linear_model import LogisticRegression

        x = rows.x[train]
        known = ~np.isnan(x)
        counts = np.maximum(known.sum(axis=0), 1)
        center = np.where(known, x, 0.0).sum(axis=0) / counts
        moved = np.where(known, x - center, 0.0)
        scale = np.sqrt((moved**2).sum(axis=0) / counts)
        scale = np.where(scale > 1e-9, scale, 1.0)
        moved /= scale
        if only_own:
            moved[:, 2:] = 0.0
        paths, counted = np.unique(rows.paths[train], return_counts=True)
        named = [] if only_own else [p for p, n in zip(paths, counted, strict=True) if n >= LEAST_OF_FIELD]
        hot = (rows.paths[train][:, None] == np.array(named, dtype=str)[None, :]).astype(float)
        fitted = LogisticRegression(C=strength, max_iter=1000).fit(np.hstack([moved, hot]), rows.right[train])
        weights = fitted.coef_[0]
        by_field = dict(zip(map(str, named), weights[len(FEATURES) :].tolist(), strict=True))
        return cls(center, scale, weights[: len(FEATURES)], float(fitted.intercept_[0]), by_field)

    def scores(self, rows: Rows, held: NDArray[np.bool_]) -> Floats:
        moved = np.nan_to_num((rows.x[held] - self.center) / self.scale)
        own = np.array([self.by_field.get(path, 0.0) for path in rows.paths[held].tolist()])
        return np.asarray(moved @ self.weights + own + self.intercept)


def _held_out(rows: Rows, only_own: bool, strength: float) -> Floats:
    """Return the score of each row by a model that has not seen its unit."""
    fold = folds_of(rows.units.tolist())
    scores = np.zeros(len(rows.right))
    for number in range(FOLDS):
        held = fold == number
        if not held.any():
            continue
        if len(set(rows.right[~held].tolist())) < 2:
            continue
        scores[held] = _Linear.fit(rows, ~held, only_own, strength).scores(rows, held)
    return scores


def folds_of(units: Sequence[str], folds: int = FOLDS) -> NDArray[np.intp]:
    """Return the fold of each row: a unit is in one fold, and the largest units are dealt out first."""
    sizes = Counter(units)
    load = [0] * folds
    of: dict[str, int] = {}
    for unit in sorted(sizes, key=lambda one: (-sizes[one], hashlib.sha256(one.encode()).hexdigest())):
        of[unit] = load.index(min(load))
        load[of[unit]] += sizes[unit]
    return np.array([of[unit] for unit in units], dtype=np.intp)


def _log_loss(scores: Floats, right: NDArray[np.bool_]) -> float:
    return float(np.logaddexp(0.0, np.where(right, -scores, scores)).mean())


def _of_answers(rows: Rows, sures: Floats) -> Calibration | None:
    """Return the curve from the sum of the logarithms of an answer's fields to whether all are right."""
    count = int(rows.answers.max()) + 1
    seen = np.bincount(rows.answers, minlength=count) > 0
    together = np.bincount(rows.answers, weights=np.log(sures), minlength=count)[seen]
    faults = np.bincount(rows.answers, weights=~rows.right, minlength=count)[seen]
    right = faults == 0
    if min(int(right.sum()), int((~right).sum())) < LEAST_WRONG:
        return None
    return calibrated(together, right)
