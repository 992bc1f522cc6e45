"""Estimate how probable each row's label is to a simple classifier trained on the other rows.

Source: Northcutt, Jiang and Chuang, *Confident Learning* (JAIR, 2021): out-of-fold probabilities, a threshold
for each class (the mean belief in it among the rows that bear it), and a label in doubt when another class
passes its own threshold. The classifier is a logistic regression on TF-IDF weights of words and word
pairs, fitted by stochastic gradient descent, one class against the rest: with 150 classes it is several times
faster than the multinomial one, and found more of the errors planted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from insource.foundation import rng
from insource.similarity.normal_text import normalised

if TYPE_CHECKING:
    from sklearn.linear_model import SGDClassifier

FOLDS = 3
TRAINED_ON = 20_000
MAX_FEATURES = 20_000
MAX_CHARACTERS = 2_000
BATCH = 1_000
UNKNOWN = -1
STREAM = "dataset.label-confidence"
ALPHA = 1e-5
EPOCHS = 5

Labels = NDArray[np.int64]


class Confidence(NamedTuple):
    """Arrays with a place for each row.

    ``margin`` is the probability of the row's label less that of the most likely other one, in [-1, 1] and
    NaN where nothing was judged: the lower, the more likely an error. ``suggested`` is that other label.
    ``doubtful`` marks the labels that confident learning holds for errors.
    """

    margin: NDArray[np.float32]
    suggested: Labels
    doubtful: NDArray[np.bool_]


def label_confidence(texts: Callable[[], Iterable[str]], labels: Labels, seed: int = 0) -> Confidence:
    """Judge each label out of fold; equal texts share a fold, so no row vouches for its own copy.

    The classifiers learn from at most ``TRAINED_ON`` rows, drawn by ``seed``; all rows are judged. Texts
    are read in batches, three times, and only their first 2,000 characters.

    Args:
        texts: gives the texts of all rows, in the same order each time.
        labels: small numbers from 0, ``UNKNOWN`` where a row is not to be judged; at least two classes.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    folds = _folds(texts())
    known = np.flatnonzero(labels != UNKNOWN)
    draw = rng.generator(seed, STREAM).permutation(known)[:TRAINED_ON]
    taken = np.zeros(len(labels), np.bool_)
    taken[draw] = True
    sample = [text[:MAX_CHARACTERS] for text, wanted in zip(texts(), taken, strict=True) if wanted]
    vectorizer = TfidfVectorizer(
        ngram_range=(1, 2), sublinear_tf=True, max_features=MAX_FEATURES, token_pattern=r"(?u)\b\w+\b|[^\w\s]"
    )
    features = vectorizer.fit_transform(sample)
    classifiers = _classifiers(features, labels[taken], folds[taken], rng.derived_seed(seed, STREAM))
    believed = _probabilities(classifiers, features, folds[taken], int(labels.max()) + 1)
    thresholds = _thresholds(believed, labels[taken])
    judged = Confidence(
        np.full(len(labels), np.nan, np.float32),
        np.full(len(labels), UNKNOWN, np.int64),
        np.zeros(len(labels), np.bool_),
    )
    stream, begin = iter(texts()), 0
    while batch := [text[:MAX_CHARACTERS] for text in islice(stream, BATCH)]:
        rows = np.arange(begin, begin + len(batch))
        believed = _probabilities(classifiers, vectorizer.transform(batch), folds[rows], len(thresholds))
        _judge(judged, rows[labels[rows] != UNKNOWN], believed[labels[rows] != UNKNOWN], labels, thresholds)
        begin += len(batch)
    return judged


def _folds(texts: Iterable[str]) -> NDArray[np.int8]:
    return np.fromiter(
        (crc32(normalised(text).encode("utf-8", "replace")) % FOLDS for text in texts), np.int8
    )


def _classifiers(
    features: Any, labels: Labels, folds: NDArray[np.int8], seed: int
) -> list[SGDClassifier | None]:
    """One for each fold, which has not seen it; None when what is left has fewer than two classes."""
    from sklearn.linear_model import SGDClassifier

    found: list[SGDClassifier | None] = []
    for fold in range(FOLDS):
        others = folds != fold
        enough = len(np.unique(labels[others])) > 1
        model = SGDClassifier(loss="log_loss", alpha=ALPHA, max_iter=EPOCHS, tol=None, random_state=seed)
        found.append(model.fit(features[others], labels[others]) if enough else None)
    return found


def _probabilities(
    classifiers: list[SGDClassifier | None], features: Any, folds: NDArray[np.int8], classes: int
) -> NDArray[np.float64]:
    """Shape (rows, classes); a class that a classifier has not seen has probability 0."""
    result = np.zeros((len(folds), classes))
    for fold, classifier in enumerate(classifiers):
        rows = np.flatnonzero(folds == fold)
        if classifier is not None and len(rows):
            result[np.ix_(rows, classifier.classes_)] = classifier.predict_proba(features[rows])
    return result


def _thresholds(believed: NDArray[np.float64], labels: Labels) -> NDArray[np.float64]:
    """Return the mean belief in each class among the rows that bear it; 1 for a class without rows."""
    own = believed[np.arange(len(labels)), labels]
    counts = np.bincount(labels, minlength=believed.shape[1])
    sums = np.bincount(labels, weights=own, minlength=believed.shape[1])
    return np.where(counts > 0, sums / np.maximum(counts, 1), 1.0)


def _judge(
    judged: Confidence,
    rows: NDArray[np.int64],
    believed: NDArray[np.float64],
    labels: Labels,
    thresholds: NDArray[np.float64],
) -> None:
    if not len(rows):
        return
    places, own = np.arange(len(rows)), labels[rows]
    given = believed[places, own].copy()
    passing = np.where(believed >= thresholds, believed, -1.0)
    judged.doubtful[rows] = (passing.max(axis=1) > 0) & (passing.argmax(axis=1) != own)
    believed[places, own] = -1.0
    judged.suggested[rows] = believed.argmax(axis=1)
    judged.margin[rows] = given - believed.max(axis=1)
