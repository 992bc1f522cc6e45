"""Learn the confidence of fields from answers with a label, each by folds that did not see its group."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from insource.matching.acceptable import RIGHT
from insource.routing.fields.agreement import agreement
from insource.routing.fields.calibration import Calibration, calibrated
from insource.routing.fields.features import (
    FEATURES,
    SECOND_LOOK,
    VALUE_CHECKS,
    features_of,
    read,
    standardised,
)
from insource.routing.fields.habits import WHOLE, Habits, values_of
from insource.routing.fields.model import FieldConfidence
from insource.routing.fields.novelty import KnownText
from insource.types import Completion, JsonSchema, OutputSpec, Score

LEAST_WRONG = 10
"""With fewer wrong or right fields there is nothing to learn from."""
FOLDS = 5
STRENGTHS = (0.03, 0.3, 3.0)
LADDER = (
    ("the stated confidence", frozenset(FEATURES[:2])),
    ("the stated confidence and checks of the value", frozenset({*FEATURES[:2], *VALUE_CHECKS})),
    (
        "the stated confidence, checks of the value and a second look",
        frozenset({*FEATURES[:2], *VALUE_CHECKS, *SECOND_LOOK}),
    ),
    ("all features", frozenset(FEATURES)),
)
"""What is learned from, the simplest first. More is used only where it pays on held-out groups."""
LEAST_OF_FIELD = 30
"""A field with fewer values has no weight of its own."""

Floats = NDArray[np.float64]


class LabelledAnswer(NamedTuple):
    """An answer with its score. ``unit`` is what stays together in a fold: its group, else the document.

    ``novelty`` is that of the document against training documents of other groups. ``checked`` says that
    people stand behind the label; otherwise it is a model's answer, and the score says whether both agree.
    ``second`` is another arm's answer, None without one.
    """

    row_id: str
    unit: str
    source: str
    document: str
    completion: Completion
    score: Score
    novelty: float
    checked: bool
    second: Completion | None = None


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
        value = one.score.answer if isinstance(output, JsonSchema) else one.completion.text
        fields = [field for field in values_of(value, output) if field.path in outcomes]
        if not fields:
            continue
        agrees = None if one.second is None else agreement(value, one.second, output)
        x += features_of(fields, one.completion, read(one.document, one.novelty), habits, agrees)
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


def fit_confidence(
    answers: Sequence[LabelledAnswer],
    output: OutputSpec,
    *,
    task: str,
    arm: str,
    known: KnownText,
    habits: Habits,
    second_look: str = "",
) -> FieldConfidence | None:
    """Fit to answers that certify nothing; None where they do not suffice, or predict no better than stated.

    L2 logistic regressions of more and more features compete with the confidence as it is stated, by the log
    loss of held-out groups. A step up that ladder has to gain more than its standard error over the groups.
    The curves are fitted to held-out scores, too.
    """
    rows = rows_of(answers, output, habits)
    wrong = int((~rows.right).sum())
    if min(wrong, len(rows.right) - wrong) < LEAST_WRONG or len(set(rows.units.tolist())) < 2:
        return None
    found = _chosen(rows)
    if found is None:
        return None
    linear = _Linear.fit(rows, np.ones(len(rows.right), dtype=bool), found.names, found.strength)
    return FieldConfidence(
        task=task,
        arm=arm,
        second_look=second_look if found.names.issuperset(SECOND_LOOK) else "",
        documents=dict(Counter(one.source for one in answers)),
        labels=dict(Counter("gold" if one.checked else "agreement" for one in answers)),
        fields=len(rows.right),
        wrong=wrong,
        learner=f"L2 logistic regression of {found.about}, C = {found.strength:g}",
        center=tuple(linear.center.tolist()),
        scale=tuple(linear.scale.tolist()),
        weights=tuple(linear.weights.tolist()),
        intercept=linear.intercept,
        by_field=linear.by_field,
        calibration=found.curve,
        answer=_of_answers(rows, found.curve.of(found.scores)),
        known=known,
        habits=habits,
    )


class _Candidate(NamedTuple):
    """A learner, its held-out scores and their curve."""

    about: str
    names: frozenset[str]
    strength: float
    scores: Floats
    curve: Calibration


def _chosen(rows: Rows) -> _Candidate | None:
    """Return the highest step of the ladder whose gain over the one below is not chance; None for none."""
    best: _Candidate | None = None
    losses = _losses(rows.x[:, 0], rows.right)
    for about, names in LADDER:
        tried = [
            _Candidate(about, names, strength, scores, curve)
            for strength in STRENGTHS
            if (curve := calibrated(scores := _held_out(rows, names, strength), rows.right))
        ]
        if not tried:
            continue
        one = min(tried, key=lambda each: float(_losses(each.scores, rows.right).mean()))
        own = _losses(one.scores, rows.right)
        if _pays(losses - own, rows.units):
            best, losses = one, own
    return best


def _pays(gains: Floats, units: NDArray[np.str_]) -> bool:
    """Return whether the total gain exceeds its standard error over the units."""
    _, place = np.unique(units, return_inverse=True)
    sums = np.bincount(place, weights=gains)
    return bool(sums.mean() > sums.std(ddof=1) / np.sqrt(len(sums)))


def _losses(scores: Floats, right: NDArray[np.bool_]) -> Floats:
    """Return the log loss of each row; a score that is not known is worth even odds."""
    known = np.nan_to_num(scores)
    return np.asarray(np.logaddexp(0.0, np.where(right, -known, known)))


class _Linear(NamedTuple):
    """The fitted linear score."""

    center: Floats
    scale: Floats
    weights: Floats
    intercept: float
    by_field: dict[str, float]

    @classmethod
    def fit(cls, rows: Rows, train: NDArray[np.bool_], names: frozenset[str], strength: float) -> _Linear:
        from sklearn.linear_model import LogisticRegression

        x = rows.x[train]
        known = ~np.isnan(x)
        counts = np.maximum(known.sum(axis=0), 1)
        center = np.where(known, x, 0.0).sum(axis=0) / counts
        scale = np.sqrt((np.where(known, x - center, 0.0) ** 2).sum(axis=0) / counts)
        scale = np.where(scale > 1e-9, scale, 1.0)
        moved = standardised(x, center, scale) * np.array([name in names for name in FEATURES])
        paths, counted = np.unique(rows.paths[train], return_counts=True)
        kept = counted >= (LEAST_OF_FIELD if len(names) == len(FEATURES) else np.inf)
        named = paths[kept].tolist()
        hot = (rows.paths[train][:, None] == np.array(named, dtype=str)[None, :]).astype(float)
        fitted = LogisticRegression(C=strength, max_iter=1000).fit(np.hstack([moved, hot]), rows.right[train])
        weights = fitted.coef_[0]
        by_field = dict(zip(named, weights[len(FEATURES) :].tolist(), strict=True))
        return cls(center, scale, weights[: len(FEATURES)], float(fitted.intercept_[0]), by_field)

    def scores(self, rows: Rows, held: NDArray[np.bool_]) -> Floats:
        moved = standardised(rows.x[held], self.center, self.scale)
        own = np.array([self.by_field.get(path, 0.0) for path in rows.paths[held].tolist()])
        return np.asarray(moved @ self.weights + own + self.intercept)


def _held_out(rows: Rows, names: frozenset[str], strength: float) -> Floats:
    """Return the score of each row by a model that has not seen its unit."""
    fold = folds_of(rows.units.tolist())
    scores = np.zeros(len(rows.right))
    for number in range(FOLDS):
        held = fold == number
        if held.any() and len(set(rows.right[~held].tolist())) == 2:
            scores[held] = _Linear.fit(rows, ~held, names, strength).scores(rows, held)
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
