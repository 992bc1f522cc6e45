"""A document cut for the page loses and doubles nothing."""

from hypothesis import given
from hypothesis import strategies as st

from insource.dashboard.pages.excerpt import WHOLE, excerpt
from insource.dataset.review.fields import AnswerField

words = st.lists(st.sampled_from(["alpha", "beta", "48", "4 8", "\n", "AX-1", "ß"]), max_size=40).map(
    " ".join
)


@given(
    words,
    st.lists(st.sampled_from(["alpha beta", "beta", 48, "AX-1", ["48", "ß"], None, "gone"]), max_size=4),
)
def test_the_pieces_are_the_document(document, values):
    found = excerpt(document, [AnswerField(f"/f{n}", value) for n, value in enumerate(values)])
    assert "".join(piece.text for piece in found.pieces) == document
    assert not found.shortened
    for place, spans in enumerate(found.found):
        assert (spans is None) == (values[place] is None)
        for span in spans or ():
            marked = [piece for piece in found.pieces if place in piece.fields]
            assert any(piece.text in document[span.start : span.end] for piece in marked)


@given(st.integers(WHOLE, 3 * WHOLE), st.integers(0, 2 * WHOLE))
def test_what_is_left_out_is_counted(length, at):
    document = "." * at + " Zed " + "." * length
    found = excerpt(document, [AnswerField("/name", "Zed")])
    assert sum(len(piece.text) + piece.left_out for piece in found.pieces) == len(document)
    assert found.shortened == (len(document) > WHOLE)
    assert "Zed" in [piece.text for piece in found.pieces if piece.fields == (0,)]
