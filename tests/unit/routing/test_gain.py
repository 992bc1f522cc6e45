"""Expected-gain routing: what is worth the dearer model is where it is right and the cheaper one is not."""

from __future__ import annotations

import numpy as np
import pytest

from insource.foundation.rng import generator
from insource.routing.gain import fit_gain

KINDS = {"easy": (0.95, 0.95), "hard": (0.2, 0.9), "hopeless": (0.1, 0.1), "odd": (0.9, 0.5)}
"""How often the cheaper and the dearer model are right, by the word that names the kind of a document."""


def documents(n, name="gain"):
    random = generator(20261128, name)
    kinds = [list(KINDS)[i] for i in random.integers(0, len(KINDS), n)]
    texts = [f"A {kind} question, number {i % 17}." for i, kind in enumerate(kinds)]
    right = [[bool(random.random() < KINDS[kind][side]) for kind in kinds] for side in (0, 1)]
    return kinds, texts, *right


@pytest.fixture(scope="module")
def model():
    _, texts, cheap, dear = documents(600)
    return fit_gain(texts, cheap, dear)


def test_the_gain_and_not_the_failure_says_what_is_worth_the_dearer_model(model):
    gains = {kind: model.gain(f"A {kind} question, number 3.") for kind in KINDS}
    assert gains["hard"] == max(gains.values())
    assert gains["odd"] == min(gains.values())
    failing = {kind: 1 - model.probabilities(f"A {kind} question, number 3.")[0] for kind in KINDS}
    assert failing["hopeless"] > 0.5 > abs(gains["hopeless"])


def test_at_the_same_share_the_gain_reaches_more_than_the_failure(model):
    _, texts, cheap, dear = documents(2000, "held out")
    ok = np.array([cheap, dear])

    def reached(scores):
        sent = np.argsort(-np.array(scores), kind="stable")[:500]
        here = np.ones(len(texts), dtype=bool)
        here[sent] = False
        return np.where(here, ok[0], ok[1]).mean()

    by_gain = reached([model.gain(text) for text in texts])
    by_failure = reached([-model.probabilities(text)[0] for text in texts])
    assert by_gain > by_failure + 0.05


def test_it_is_that_of_scikit_learn(model):
    """The weights are applied by hand, which is quicker: the same probabilities to rounding."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    from insource.routing.gain import word_ngrams

    _, texts, cheap, dear = documents(600)
    tfidf = TfidfVectorizer(analyzer=word_ngrams, sublinear_tf=True, min_df=2)
    matrix = tfidf.fit_transform(texts)
    asked = ["A hard hard odd question, number 5.", "words that nobody knows", ""]
    for side, right in enumerate((cheap, dear)):
        expected = LogisticRegression(max_iter=1000).fit(matrix, right).predict_proba(tfidf.transform(asked))
        found = [model.probabilities(text)[side] for text in asked]
        assert found == pytest.approx(expected[:, 1], abs=1e-6)


def test_outcomes_that_are_all_the_same_are_a_share():
    model = fit_gain(["a b", "a c", "b c"], [True] * 3, [True, False, True])
    assert model.probabilities("a b")[0] == pytest.approx(4 / 5)
    alone = fit_gain(["one"], [True], [False])
    assert alone.gain("two") == pytest.approx(1 / 3 - 2 / 3)
    apart = fit_gain(["one", "two"], [True, True], [False, True])
    assert apart.probabilities("one") == pytest.approx((3 / 4, 1 / 2))


@pytest.mark.parametrize("given", [([], [], []), (["a"], [True, False], [True])])
def test_lengths_that_differ_are_refused(given):
    with pytest.raises(ValueError, match="same length"):
        fit_gain(*given)
