"""N-grams: what is counted, and that weights agree with scikit-learn's."""

import time

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from support.tickets import tickets

from insource.arms.classical.label_features import NgramFeatures
from insource.models.fitted.ngrams import MAX_CHARACTERS, Ngrams, ngrams


def test_the_ngrams_of_two_words():
    assert ngrams("An ox") == [
        *("\tan", "\tox", "\tan ox"),
        *(" a", "an", "n ", " an", "an ", " an "),
        *(" o", "ox", "x ", " ox", "ox ", " ox "),
    ]
    assert ngrams("") == ngrams(" \n\t ") == ["\t"]


def test_one_text_weighs_what_it_weighed_in_the_matrix():
    texts = [*(text for text, _ in tickets(30)), ""]
    fitted = NgramFeatures(texts, labels=3).fitted(np.ones(len(texts), dtype=bool))
    for number, text in enumerate(texts):
        columns, values = fitted.ngrams.weigh(text)
        row = fitted.matrix[[number]].toarray()[0]
        assert np.allclose(row[columns], values, atol=1e-6)
        assert np.count_nonzero(row) == len(columns)


@given(st.text())
def test_any_text_has_weights_of_length_one(text):
    columns, values = Ngrams(sorted(set(ngrams(text))), np.ones(len(set(ngrams(text))), np.float32)).weigh(
        text
    )
    assert len(columns) == len(set(ngrams(text)))
    assert np.isclose(np.linalg.norm(values), 1.0, atol=1e-5)


def test_a_huge_text_is_read_up_to_the_limit():
    assert ngrams("word " * MAX_CHARACTERS) == ngrams("word " * (MAX_CHARACTERS // 5))
    begun = time.perf_counter()
    ngrams("x" * 10_000_000)
    assert time.perf_counter() - begun < 1
