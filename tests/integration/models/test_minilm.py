"""The real embedding model: vectors of length one, near for like meanings, and the same in any company."""

import time

import numpy as np
import pytest

from insource.models.embeddings.minilm import DIMENSIONS, MiniLm, embed, files

pytestmark = pytest.mark.model
TEXTS = [
    "My card was stolen yesterday.",
    "Somebody took my bank card.",
    "The weather in Paris is lovely.",
    "",
    "\ud800 no Unicode text",
    "word " * 3000,
]


def test_vectors_have_length_one():
    vectors = embed(TEXTS)
    assert vectors.shape == (len(TEXTS), DIMENSIONS)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert embed([]).shape == (0, DIMENSIONS)


def test_like_meanings_are_near():
    stolen, taken, weather = embed(TEXTS[:3])
    assert stolen @ taken > 0.5 > stolen @ weather


def test_a_vector_does_not_depend_on_its_company():
    model = MiniLm(files())
    together = model.embed(TEXTS)
    for order in (TEXTS[::-1], TEXTS[:2] * 2, *([text] for text in TEXTS)):
        fresh = MiniLm(files()).embed(order)
        assert [row.tobytes() for row in fresh] == [together[TEXTS.index(text)].tobytes() for text in order]


def test_ten_megabytes_are_no_more_than_their_beginning():
    """A long text takes no longer than its first tokens."""
    line = "Rated voltage: 480 V, 3-phase.\n"
    begun = time.perf_counter()
    whole = embed([line * 300_000])
    assert time.perf_counter() - begun < 3
    assert np.array_equal(whole, embed([line * 100]))
