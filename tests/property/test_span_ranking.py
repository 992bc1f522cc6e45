"""Span ranking answers any text, validly and in bounded time."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.made_invoices import SCHEMA, generate

from insource.arms.classical.spans.fit import fit_spans
from insource.contract.validate import fits
from insource.models.fitted.spans.document import Document, Scope
from insource.models.fitted.spans.texts import spellings_in
from insource.types import Example, JsonSchema, Task

TASK = Task(name="invoices", instruction="Extract.", output=JsonSchema(definition=SCHEMA))

TEXTS = st.one_of(
    st.text(max_size=300),
    st.text(alphabet=st.characters(categories=["Nd", "No", "Sc", "Po", "Zs", "Cs"]), max_size=200),
    st.lists(
        st.sampled_from(["12,5", "€", "Qty", "|", "2024-02-30", "1e999", "٣٤", "\n", "9" * 60, ";", "x"])
    ).map(" ".join),
)


@pytest.fixture(scope="module")
def model():
    rows = [
        Example(
            row_id=row["id"],
            digest=row["id"],
            input=row["input"],
            target=json.dumps(row["output"]),
            group=row["group"],
            provenance={"source": "made"},
        )
        for row in generate({"train": 24}, seed=3)
    ]
    return fit_spans(TASK, rows).model


@settings(max_examples=60, deadline=None)
@given(text=TEXTS)
def test_any_text_has_a_valid_answer(model, text):
    found = model.answer(text)
    value = json.loads(found.text)
    found.text.encode()
    assert fits(value, SCHEMA)
    assert 0 <= found.confidence <= 1


@pytest.mark.parametrize(
    "unit", ["word 12 ", "a|1|2|3\n", "9", "x" * 90 + ";", "2024-01-02 30 days\n", "é" * 3 + "\n\n"]
)
def test_a_megabyte_is_answered_in_bounded_time(model, unit):
    text = unit * (1_000_000 // len(unit))
    begun = time.process_time()
    assert fits(json.loads(model.answer(text).text), SCHEMA)
    assert time.process_time() - begun < 20


@given(text=st.text(max_size=200))
def test_tokens_stand_where_they_say(text):
    document = Document(text)
    for token in document.tokens:
        assert document.text[token.start : token.end] == token.text
        assert document.lines[document.line_at(token.start)] or token.text == "\n"
    assert spellings_in(Scope.whole(document), 1) <= spellings_in(Scope.whole(document))
