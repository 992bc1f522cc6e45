"""Where the line runs between texts that belong to a label and texts that belong to none."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from insource.arms.folds import FOLDS
from insource.models.embeddings.minilm import Vectors
from insource.models.fitted.labels import OutOfScope

Array = npt.NDArray[Any]

# Fewer rows out of scope do not tell where the line runs; then this share of the rows in scope is answered.
ENOUGH, ANSWERED = 20, 0.95
# Rows in scope whose distance is measured for each answer.
NEIGHBOURS = 20_000


def fit_scope(
    label: str, logs: Array, target: Array, fold: Array, vectors: Vectors | None
) -> tuple[OutOfScope, Array]:
    """Return the fitted line, and the familiarity of each row when its own fold is not known, shape (n,).

    ``logs`` are held-out log-probabilities of the labels, ``target`` is negative for rows out of scope. The
    line is a logistic regression in which both kinds of rows weigh equally: how many requests will be out of
    scope does not follow from how many training rows are.
    """
    inside = target >= 0
    likeliest = logs.max(axis=1)
    evidence = np.column_stack(
        [np.zeros(len(logs)) if vectors is None else _nearest(vectors, inside, fold), likeliest]
    )
    rows = None if vectors is None else _thinned(vectors[inside]).astype(np.float16).astype(np.float32)
    weights, threshold, calibrated = _line(evidence, inside)
    found = OutOfScope(label, float(weights[0]), float(weights[1]), threshold, calibrated, rows)
    return found, evidence @ weights


def _line(evidence: Array, inside: Array) -> tuple[Array, float, bool]:
    """Return the weights of cosine and log-probability, the threshold, and whether rows outside gave it."""
    from sklearn.linear_model import LogisticRegression

    if (~inside).sum() >= ENOUGH:
        fitted = LogisticRegression(C=100, class_weight="balanced").fit(evidence, inside)
        return fitted.coef_[0], -float(fitted.intercept_[0]), True
    # The cosine alone tells more than the log-probability alone.
    weights = np.array([1.0, 0.0]) if evidence[:, 0].any() else np.array([0.0, 1.0])
    return weights, float(np.quantile((evidence @ weights)[inside], 1 - ANSWERED)), False


def _nearest(vectors: Vectors, inside: Array, fold: Array) -> Array:
    """Return the largest cosine of each row to a row in scope of another fold."""
    found = np.zeros(len(vectors), dtype=np.float32)
    for number in range(FOLDS):
        held, others = np.flatnonzero(fold == number), _thinned(vectors[inside & (fold != number)])
        for start in range(0, len(held), 1000) if len(others) else ():
            some = held[start : start + 1000]
            found[some] = (vectors[some] @ others.T).max(axis=1)
    return found


def _thinned(vectors: Vectors) -> Vectors:
    """Return at most ``NEIGHBOURS`` rows, evenly spaced."""
    if len(vectors) <= NEIGHBOURS:
        return vectors
    kept: Vectors = vectors[np.linspace(0, len(vectors) - 1, NEIGHBOURS).astype(int)]
    return kept
