"""Documents that are one word of megabytes: base64, minified code, writing without spaces."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.planted_rows import Rows

from insource.dataset.checks.answer_in_prompt import AnswerInPrompt
from insource.dataset.checks.check import Context
from insource.dataset.checks.suite import apply_fixes, run_checks
from insource.dataset.rows.staged import staged
from insource.dataset.splits.identifiers import words_of
from insource.dataset.splits.templates import masked
from insource.types import FixDecision, JsonSchema, Provenance, Row

# At a time that grows with the square of its length, a word of this size takes hours.
SIZE = 2_000_000
PIECES = ["a", "1", "#", "@", "a@", "a@b.", "1,", "#a1", "a/1", "一", "{", "https://"]

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("piece", PIECES)
def test_one_word_of_megabytes_has_a_template_and_at_most_one_identifier(piece: str) -> None:
    word = (piece * SIZE)[:SIZE]

    assert masked(f"see {word}", "x")
    assert len(words_of(word)) <= 1


def test_code_in_an_input_is_searched_for_the_answer(tmp_path: Path) -> None:
    row = Row(
        line=1,
        row_id="a",
        input="f(){g" * (SIZE // 5) + '{"a": "x", "b": "y"}',
        output={"a": "x", "b": "y"},
        provenance=Provenance(source="a.jsonl", line=1),
    )
    with staged(Rows([row]), tmp_path) as work:
        context = Context(rows=work, output=JsonSchema(definition={"type": "object"}))
        assert run_checks(context, (AnswerInPrompt,))[0].count == 1
        apply_fixes(context, [FixDecision(check="answer-in-prompt", decision="apply")], (AnswerInPrompt,))
        assert [one.input for one in work] == [row.input.removesuffix('{"a": "x", "b": "y"}')]


@given(st.lists(st.sampled_from(["a", "1", "@", ".", " ", "/", "é", "https://"]), max_size=14))
def test_addresses_are_words_with_an_at_sign_and_a_point_behind_it(pieces: list[str]) -> None:
    text = "".join(pieces)
    plain = re.sub(r"\S+@\S+\.\w+|https?://\S+", "X", text)

    assert masked(text, "x") == masked(plain, "x")


def test_a_sign_before_an_identifier_does_not_hide_it() -> None:
    assert words_of("order:#A-1234, No.#B1234 and ##C1234.") == ["A-1234", "No.#B1234", "##C1234"]
