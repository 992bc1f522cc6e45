"""Which examples and passages a document gets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.prompted import shots_of

from insource.models.prompting.index import CharacterIndex, EmbeddingIndex, load_index, nearest
from insource.models.prompting.lookup import Examples, Knowledge
from insource.models.prompting.prompt import Passage
from insource.similarity.normal_text import normalised

TEXTS = [
    "the pump leaks oil",
    "the pump leaks water",
    "an invoice is wrong",
    "a parcel is late",
    "a late parcel",
]


def retrieved(texts, groups=None):
    return Examples(shots_of(texts, groups), CharacterIndex.of(texts))


def ids(shots):
    return [shot.row_id for shot in shots]


def test_the_most_similar_examples_are_shown_and_the_nearest_last():
    assert ids(retrieved(TEXTS).for_document("my pump leaks oil again", 2)) == ["r1", "r0"]
    assert ids(retrieved(TEXTS).for_document("the parcel came late", 1)) in (["r3"], ["r4"])


def test_fixed_examples_are_the_same_for_every_document():
    fixed = Examples(shots_of(TEXTS))
    assert ids(fixed.for_document("x", 2)) == ids(fixed.for_document("y", 2)) == ["r1", "r0"]


@pytest.mark.parametrize("kind", [retrieved, lambda texts, groups=None: Examples(shots_of(texts, groups))])
def test_a_training_row_sees_neither_itself_nor_its_duplicates_nor_their_groups(kind):
    texts = ["Pump 1 leaks", "pump 1  LEAKS", "pump 2 leaks", "pump 3 leaks", "an invoice"]
    found = kind(texts, ["a", "b", "a", "c", None]).for_document("Pump 1 leaks", 9)
    assert set(ids(found)) == {"r3", "r4"}


def test_rows_without_a_group_are_no_group():
    assert len(retrieved(TEXTS).for_document(TEXTS[0], 9)) == len(TEXTS) - 1


WORDS = st.lists(st.sampled_from(["pump", "PUMP", "oil", " ", "leak"]), min_size=1, max_size=4).map("".join)


@given(st.lists(st.tuples(WORDS, st.sampled_from([None, "a", "b"])), min_size=1, max_size=8), WORDS)
def test_no_document_ever_sees_its_own_answer(rows, document):
    texts, groups = zip(*rows, strict=True)
    found = retrieved(list(texts), list(groups)).for_document(document, len(rows))
    shown = [normalised(shot.input) for shot in found]
    assert normalised(document) not in shown
    assert len(shown) == len(set(shown))
    own = {group for text, group in rows if normalised(text) == normalised(document)} - {None}
    assert not own & {shot.group for shot in found}


def letters(texts):
    """Embeddings by the first letter alone."""
    found = np.array([[float(text[0] == "a"), float(text[0] != "a")] for text in texts], dtype=np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_embeddings_decide_where_there_are_some():
    examples = Examples(shots_of(TEXTS), EmbeddingIndex.of(TEXTS, letters))
    assert set(ids(examples.for_document("a pump leaks oil", 3))) == {"r2", "r3", "r4"}


class Ranked:
    """An index whose similarities are given."""

    def __init__(self, *similarities):
        self.found = np.array(similarities, dtype=float)

    def similarities(self, text):
        return self.found


def test_two_rankings_are_taken_in_turn():
    """The first of each index leads, and the first index goes first; no place is named twice."""
    assert nearest([Ranked(3, 2, 0, 1), Ranked(0, 2, 3, 1)], "x") == [0, 2, 1, 3]
    assert nearest([Ranked(3, 2, 0, 1)], "x") == [0, 1, 3, 2]


@pytest.mark.parametrize("made", [CharacterIndex.of(TEXTS), EmbeddingIndex.of(TEXTS, letters)])
def test_an_index_read_back_gives_the_same_order(made, tmp_path, monkeypatch):
    from insource.models.prompting import index

    monkeypatch.setattr(index, "sentence_embeddings", letters)
    made.save(tmp_path / "i.npz")
    back = load_index(tmp_path / "i.npz")
    assert np.array_equal(back.similarities("a pump"), made.similarities("a pump"))
    assert np.allclose(back.between(), made.between())


def test_passages_come_nearest_first():
    passages = tuple(Passage(source="f", text=text) for text in TEXTS)
    knowledge = Knowledge(passages, (CharacterIndex.of(TEXTS),))
    found = knowledge.for_document("invoice is wrong", 2)
    assert (found[0].text, len(found)) == (TEXTS[2], 2)
