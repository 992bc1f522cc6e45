"""Fit a classifier of texts: held-out scores choose the regularisation and the temperature.

The same held-out scores, from folds that never split a unit, also give the expected accuracy.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from insource.arms.classical.label_features import Features, NgramFeatures, VectorFeatures
from insource.arms.classical.label_scope import fit_scope
from insource.arms.folds import FOLDS, assign
from insource.models.embeddings.minilm import embed
from insource.models.fitted.labels import EMBEDDING, NGRAMS, LabelModel, Linear, log_softmax

Array = npt.NDArray[Any]

# Changes the meaning of a fit: raise it with the code below, so that models are fitted again.
VERSION = 1
LIBRARIES = ("scikit-learn", "scipy", "numpy")

STRENGTHS = {NGRAMS: (0.1, 0.3, 1.0, 3.0, 10.0), EMBEDDING: (1.0, 10.0, 100.0)}
"""Inverse regularisation strengths that are tried on held-out rows, by representation."""

# Above this many rows × labels only the middle strength is scored (a fit takes seconds); above the next, the
# weights of a label are the mean of its rows (one fit a label would take minutes).
MANY, TOO_MANY = 500_000, 5_000_000
# Rows × labels whose scores are kept, 4 bytes each; of more rows, evenly spaced ones are taken.
MOST = 50_000_000
LOG_TEMPERATURES = (-5.0, 5.0)
ENOUGH = 1_000_000  # scores that the temperature is fitted to
OUTSIDE = -1  # the target of a row out of scope
ABSENT = -1e4  # the score of a label without a row in the other folds: its probability is 0

Weights = tuple[Array, Array, Array]
"""The labels that have rows, their weights (features, labels), and their intercepts."""
Estimator = Callable[[Any, Array, float], Weights]


class LabelRows(NamedTuple):
    """Texts with their labels. Rows of one unit stay in one fold (``folds.units_of``)."""

    texts: Sequence[str]
    labels: Sequence[str]
    units: Sequence[str]

    def ordered(self) -> LabelRows:
        """Return the rows in an order that follows from their content."""
        rows = sorted(zip(self.texts, self.labels, self.units, strict=True), key=lambda row: row[::-1])
        return LabelRows(*(tuple(column) for column in zip(*rows, strict=True)))


class LabelFit(NamedTuple):
    """A fitted classifier with what it answered to rows that it had not seen.

    ``rows`` are the training rows in the order of ``held_out``, the held-out answers, and ``likelihoods``,
    the calibrated probabilities of the likeliest label. ``scored`` counts the
    settings that were scored on held-out rows; ``settings`` are those that were kept.
    """

    model: LabelModel
    rows: LabelRows
    held_out: tuple[str, ...]
    likelihoods: tuple[float, ...]
    scored: int
    settings: dict[str, str]

    @property
    def right(self) -> list[float]:
        """1 for each row whose held-out answer is right, else 0."""
        return [float(answer == label) for answer, label in zip(self.held_out, self.rows.labels, strict=True)]


class _Part(NamedTuple):
    """One representation: the linear model of all rows, and calibrated held-out log-probabilities."""

    linear: Linear
    held_out: Array
    strength: str
    scored: int


def fit_labels(rows: LabelRows, representations: Sequence[str], out_of_scope: str | None = None) -> LabelFit:
    """Fit a classifier on n-grams, on sentence embeddings, or on both.

    ``out_of_scope`` is the label of texts that belong to no other one; it is recognised by distance, not as a
    label among the others. Rows of one unit alone give no held-out answers: the model is not calibrated then.

    Raises:
        ValueError: fewer than two labels (``out_of_scope`` aside) have rows.
    """
    rows = _thinned(rows.ordered())
    names = tuple(sorted(set(rows.labels) - {out_of_scope}))
    if len(names) < 2:
        raise ValueError("a classifier needs rows of two labels")
    target, fold = _targets(rows, names), assign(rows.units, rows.labels)
    parts = [_part(rows, out_of_scope, kind) for kind in representations]
    logs = np.mean([part.held_out for part in parts], axis=0)
    temperature = temperature_of(*_learnable(logs, target, fold)) if len(parts) > 1 else 1.0
    logs = log_softmax(logs / temperature)
    answers = [names[likeliest] for likeliest in logs.argmax(axis=1)]
    settings = {f"strength, {kind}": part.strength for kind, part in zip(representations, parts, strict=True)}
    scope = None
    if out_of_scope is not None:
        vectors = embed(rows.texts) if EMBEDDING in representations else None
        scope, familiar = fit_scope(out_of_scope, logs, target, fold, vectors)
        outside = familiar < scope.threshold
        answers = [out_of_scope if out else one for one, out in zip(answers, outside, strict=True)]
        settings["out of scope below"] = f"{scope.threshold:.3f}"
    return LabelFit(
        model=LabelModel(names, [part.linear for part in parts], temperature, scope),
        rows=rows,
        held_out=tuple(answers),
        likelihoods=tuple(np.exp(logs.max(axis=1)).tolist()),
        scored=sum(part.scored for part in parts),
        settings=settings,
    )


def _thinned(rows: LabelRows) -> LabelRows:
    """Return evenly spaced rows, as many as fit in memory with a score for each label."""
    most = MOST // len(set(rows.labels))
    if len(rows.texts) <= most:
        return rows
    kept = np.linspace(0, len(rows.texts) - 1, most).astype(int)
    return LabelRows(*(tuple(column[at] for at in kept) for column in rows))


def _targets(rows: LabelRows, names: Sequence[str]) -> Array:
    index = {name: number for number, name in enumerate(names)}
    return np.array([index.get(label, OUTSIDE) for label in rows.labels])


@lru_cache(maxsize=4)  # the classifier on both representations needs the parts of the ones before it
def _part(rows: LabelRows, out_of_scope: str | None, kind: str) -> _Part:
    """Choose the strength on held-out rows, fit the temperature there, and the model on all rows in scope."""
    names = tuple(sorted(set(rows.labels) - {out_of_scope}))
    target, fold, labels = _targets(rows, names), assign(rows.units, rows.labels), len(names)
    inside = target != OUTSIDE
    features: Features = NgramFeatures(rows.texts, labels) if kind == NGRAMS else VectorFeatures(rows.texts)
    estimate, tried = _affordable(features, len(target) * labels, STRENGTHS[kind])
    scores = np.full((len(tried), len(target), labels), ABSENT, dtype=np.float32)
    for number in range(FOLDS):
        train, held = inside & (fold != number), fold == number
        if not held.any() or not train.any():
            continue
        representation = features.fitted(train)
        train_x, held_x = representation.rows(train), representation.rows(held)
        for at, strength in enumerate(tried):
            present, weights, intercept = estimate(train_x, target[train], strength)
            scores[at][np.ix_(held, present)] = held_x @ weights + intercept
    right = [(scores[at].argmax(axis=1) == target)[inside].mean() for at in range(len(tried))]
    # Of equally good strengths, the one nearest to 1.
    best = max(range(len(tried)), key=lambda at: (right[at], -abs(np.log(tried[at]))))
    temperature = temperature_of(*_learnable(scores[best], target, fold))
    representation = features.fitted(inside)
    _, weights, intercept = estimate(representation.rows(inside), target[inside], tried[best])
    return _Part(
        linear=Linear(
            weights.astype(np.float32), intercept.astype(np.float32), temperature, representation.ngrams
        ),
        held_out=log_softmax(scores[best] / np.float32(temperature)),
        strength="mean of each label" if estimate is _means else f"{tried[best]:g}",
        scored=len(tried),
    )


def _affordable(
    features: Features, size: int, strengths: Sequence[float]
) -> tuple[Estimator, Sequence[float]]:
    """Return the estimator and the strengths that this many rows × labels allow."""
    if size > TOO_MANY:
        return _means, (1.0,)
    estimate = _logistic if isinstance(features, VectorFeatures) else _svm
    return estimate, strengths if size <= MANY else strengths[len(strengths) // 2 :][:1]


def _learnable(scores: Array, target: Array, fold: Array) -> tuple[Array, Array]:
    """Return scores and labels of the rows whose label has rows in another fold, too.

    No classifier can have learned the others, so they say nothing of its temperature: labels with rows of a
    single unit, and rows out of scope.
    """
    folds_of = {label: len(set(fold[target == label])) for label in set(target.tolist())}
    kept = np.array([label != OUTSIDE and folds_of[label] > 1 for label in target.tolist()])
    return scores[kept], target[kept]


def temperature_of(scores: Array, target: Array) -> float:
    """Return the temperature T that minimises the log loss of softmax(scores / T); 1 without scores.

    As if one of n + 2 rows had the next label, so that no finite number of right answers gives certainty
    (Platt 1999, Probabilistic Outputs for Support Vector Machines, section 2.2). For many rows, that is
    scikit-learn's ``CalibratedClassifierCV(method="temperature", ensemble=False)``, which needs every label
    in each fold.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks, section 4.2.
    """
    from scipy.optimize import minimize_scalar

    if not len(target):
        return 1.0
    every = max(1, scores.size // ENOUGH)  # so many scores are enough for one number
    scores, target = scores[::every].astype(np.float64), target[::every]
    rows = np.arange(len(target))
    others = scores.copy()
    others[rows, target] = -np.inf
    following = others.argmax(axis=1)
    doubt = 1 / (len(target) + 2)

    def loss(log_temperature: float) -> float:
        logs = log_softmax(scores / np.exp(log_temperature))
        return -float(((1 - doubt) * logs[rows, target] + doubt * logs[rows, following]).mean())

    return float(np.exp(minimize_scalar(loss, bounds=LOG_TEMPERATURES, method="bounded").x))


def _svm(x: Any, target: Array, strength: float) -> Weights:
    """Fit one linear support vector machine a label against the others (liblinear)."""
    from sklearn.svm import LinearSVC

    present = np.unique(target)
    if len(present) == 1:
        return _constant(present, x)
    with warnings.catch_warnings():
        # Not converged, or nearly a label a row: the held-out score judges what was reached.
        warnings.simplefilter("ignore", UserWarning)
        fitted = LinearSVC(C=strength, dual=True, random_state=0).fit(x, target)
    return _each_label(present, fitted)


def _logistic(x: Any, target: Array, strength: float) -> Weights:
    """Fit a multinomial logistic regression."""
    from sklearn.linear_model import LogisticRegression

    present = np.unique(target)
    if len(present) == 1:
        return _constant(present, x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        fitted = LogisticRegression(C=strength, max_iter=300).fit(x.astype(np.float64), target)
    return _each_label(present, fitted)


def _means(x: Any, target: Array, strength: float) -> Weights:
    """Take the mean of each label's rows, with length 1, as its weights (Rocchio's classifier)."""
    from scipy.sparse import csr_matrix
    from sklearn.preprocessing import normalize

    present, column = np.unique(target, return_inverse=True)
    shape = (len(present), len(target))
    belongs = csr_matrix((np.ones(len(target)), (column, np.arange(len(target)))), shape=shape)
    sums = belongs @ x
    dense = sums.toarray() if hasattr(sums, "toarray") else np.asarray(sums)
    return present, normalize(dense).T, np.zeros(len(present))


def _constant(present: Array, x: Any) -> Weights:
    return present, np.zeros((x.shape[1], 1)), np.zeros(1)


def _each_label(present: Array, fitted: Any) -> Weights:
    """Return weights with a column a label; scikit-learn has one column for two labels."""
    weights, intercept = fitted.coef_.T, fitted.intercept_
    if len(present) == 2:
        return present, np.hstack([-weights, weights]) / 2, np.hstack([-intercept, intercept]) / 2
    return present, weights, intercept
