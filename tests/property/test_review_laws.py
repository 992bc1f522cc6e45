"""For any decisions: the file gives back what it was given, and applying them twice is applying them once."""

import json

from hypothesis import given
from hypothesis import strategies as st

from insource.dataset.review.apply import Review
from insource.dataset.review.decisions import read_reviews, write_reviews
from insource.dataset.review.fields import fields_of, input_digest, value_at, with_values
from insource.types import Dropped, JsonSchema, Provenance, ReviewDecision, Row

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
leaf = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9, width=16) | text
value = st.recursive(leaf, lambda sub: st.lists(sub, max_size=3) | st.dictionaries(text, sub, max_size=3))
answer = st.dictionaries(text, value, min_size=1, max_size=4)
name = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), min_size=1, max_size=5)
OPEN = JsonSchema(definition={"type": "object"})


def row_of(output, label="teacher"):
    return Row(
        line=1, row_id="r", input="x", output=output, provenance=Provenance(source="s", line=1, label=label)
    )


@st.composite
def decided(draw):
    """A row, and decisions of two reviewers about some of its fields."""
    row = row_of(draw(answer), draw(st.sampled_from(["teacher", "checked"])))
    made = []
    for who in ("ann", "bob"):
        for field in fields_of(row, OPEN):
            verdict = draw(st.sampled_from(["accepted", "edited", "rejected", ""]))
            if verdict:
                after = {"accepted": field.value, "rejected": None}.get(verdict, draw(value))
                made.append(
                    ReviewDecision(
                        row_id="r",
                        field=field.pointer,
                        verdict=verdict,
                        before=field.value,
                        after=after,
                        who=who,
                        when="2026-04-12T10:15:30Z",
                        input=input_digest(row),
                    )
                )
    return row, made


@given(st.lists(decided(), max_size=3), name)
def test_the_file_gives_back_what_it_was_given(tmp_path_factory, made, who):
    path = tmp_path_factory.mktemp("reviews") / "reviews.jsonl"
    decisions = [
        one.model_copy(update={"row_id": f"{who}{n}", "who": f"{one.who}{who}"})
        for n, (_, found) in enumerate(made)
        for one in found
    ]
    write_reviews(path, decisions)
    read = read_reviews(path)
    assert sorted(map(repr, read)) == sorted(map(repr, decisions))
    content = path.read_bytes()
    write_reviews(path, reversed(read))
    assert path.read_bytes() == content


@given(decided())
def test_applying_twice_is_applying_once(found):
    row, decisions = found
    once = Review(decisions)(0, row)
    if isinstance(once, Dropped):
        assert any(one.verdict == "rejected" for one in decisions)
    else:
        assert Review(decisions)(0, once) == once


@given(answer, answer)
def test_a_value_put_is_the_value_found(old, new):
    row, other = row_of(old), row_of(new)
    for field in fields_of(other, OPEN):
        changed = with_values(row, {field.pointer: field.value})
        if field.value is not None:
            assert json.dumps(value_at(changed, field.pointer)) == json.dumps(field.value)
