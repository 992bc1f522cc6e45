"""Input drift: one test decides; features and slices explain."""

import numpy as np
import pytest
from support.monitored import World

from insource.foundation.rng import generator
from insource.lifecycle.drift.features import Vocabulary, known_words, words
from insource.lifecycle.drift.inputs import Documents, input_drift


def documents(n, seed=0, feature="", change=lambda text: text, **drift):
    world = World(seed)
    for name, value in drift.items():
        setattr(world, name, value)
    texts = [change(world.document()[0]) for _ in range(n)]
    return Documents(texts, [{"feature": feature} if feature else {}] * n)


def found(window, reference=None, alpha=0.01):
    return input_drift(reference or documents(300), window, alpha=alpha, seed=0)


CHANGES = {
    "letters beyond Latin": {"change": lambda text: text.replace("indoor", "внутри")},
    "digits": {"change": lambda text: f"{text} 123456789 0987"},
    "capital letters": {"change": str.upper},
    "lines": {"change": lambda text: text.replace(" ", "\n", 3)},
    "length": {"change": lambda text: f"{text} {text} {text}"},
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_found_and_the_feature_that_moved_is_named(name):
    drift = found(documents(100, seed=1, **CHANGES[name]))
    assert drift.moved
    assert name in [shift.name for shift in drift.features if shift.moved]


def test_documents_of_the_same_kind_are_no_drift():
    drift = found(documents(100, seed=1))
    assert not drift.moved
    assert not [shift.name for shift in (*drift.features, *drift.slices) if shift.moved]


def test_a_slice_that_is_new_is_named_with_its_share():
    drift = found(documents(100, seed=1, feature="returns"))
    (slice_,) = [shift for shift in drift.slices if shift.name == "feature: returns"]
    assert (slice_.reference, slice_.live, slice_.moved) == (0.0, 1.0, True)
    assert not drift.moved  # the tag alone is no change of the documents


def test_unknown_words_are_described_and_take_part_in_no_test():
    drift = found(documents(100, seed=1, foreign=0.5))
    assert drift.moved
    (unknown,) = [one for one in drift.words if one.name == "unknown words"]
    assert unknown.live > unknown.reference
    assert not {one.name for one in drift.words} & {one.name for one in drift.features}


def test_expected_words_that_are_missing_are_seen():
    head = documents(300, change=lambda text: f"Invoice number date total {text}")
    drift = found(documents(100, seed=1, change=lambda text: f"Invoice number date {text}"), head)
    (missing,) = [one for one in drift.words if one.name == "missing expected words"]
    assert missing.reference == 0.0
    assert missing.live == pytest.approx(1 / 4)


def test_a_document_of_the_reference_is_no_witness_for_its_own_words():
    texts = ["alpha beta", "beta gamma"]
    known = Vocabulary.of(texts)
    unknown = known_words(texts, known, of_reference=True)[0].values
    assert unknown.tolist() == [0.5, 0.5]
    live = known_words(texts, known, of_reference=False)[0].values
    assert live.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("text", ["", " ", "12", "\x00", "a" * 100_000, "𝒳 ñ\u202e"])
def test_any_text_has_features(text):
    drift = found(Documents([text] * 60, [{}] * 60), Documents([text] * 60, [{}] * 60))
    assert not drift.moved
    assert all(0 <= shift.p_value <= 1 for shift in drift.features)


def test_a_long_text_is_read_only_at_its_beginning():
    assert words("end " * 2000 + "later") == {"end"}


def test_the_same_seed_gives_the_same_result():
    window = documents(100, seed=1, foreign=0.1)
    assert found(window) == found(window)


def meaning(texts):
    """A sentence embedding that knows one thing: whether a text is about a pump."""
    rng = generator(len(texts), "tests.meaning")
    about = np.array([[float("pump" in text)] for text in texts])
    return np.hstack([4 * about, rng.normal(size=(len(texts), 7))]).astype(np.float32)


def test_sentence_vectors_see_a_shift_that_letters_hardly_show():
    def topic(text):
        return text.replace("valve", "pump").replace("relay", "pump")

    before, after = documents(300), documents(100, seed=1, change=topic)
    letters = input_drift(before, after, alpha=0.01, seed=0)
    sentences = input_drift(before, after, alpha=0.01, seed=0, sentences=meaning)
    assert sentences.auroc.value > letters.auroc.value
    assert sentences.moved


@pytest.mark.parametrize("vectors", [np.zeros((160, 8)), np.ones((160, 1)), np.ones((160, 384))])
def test_vectors_that_say_nothing_are_no_drift(vectors):
    same = documents(80)
    drift = input_drift(same, same, alpha=0.1, seed=0, sentences=lambda texts: vectors.astype(np.float32))
    assert not drift.moved
