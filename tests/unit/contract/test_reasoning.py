"""The reasoning of a reasoning model is not its answer, in whatever marks it stands."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.contract.answers import read_answer
from insource.contract.reasoning import without_reasoning
from insource.types import JsonSchema, Labels, Text

JSON = JsonSchema(definition={"type": "object"})
DRAFT = 'Maybe {"total": 1}, or "{", but not }. So {"total": 3}?'
MARKS = [
    ("<think>", "</think>"),
    ("<think>\n", "\n</think>\n\n"),
    ("<thinking>", "</thinking>"),
    ("<THOUGHT>", "</THOUGHT>"),
    ("<reasoning>", "</reasoning>"),
    ("<reflection>", "</reflection>"),
    ("<scratchpad>", "</scratchpad>"),
    ("<analysis>", "</analysis>"),
    ("<seed:think>", "</seed:think>"),
    ("<|think|>", "<|/think|>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|START_THINKING|>", "<|END_THINKING|><|START_RESPONSE|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>\n<|begin_of_solution|>"),
    ("<|channel>thought\n", "<channel|>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    (
        "<|channel|>analysis<|message|>",
        "<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>",
    ),
    ("analysisWe need a total. ", "assistantfinal"),
    ("```thinking\n", "\n```\n"),
]
EACH = pytest.mark.parametrize(("opened", "closed"), MARKS)
ENDS = pytest.mark.parametrize("end", ["", "\n", "<|return|>", "<|END_RESPONSE|>", "<|end_of_solution|>"])


@EACH
@ENDS
def test_what_stands_after_the_reasoning_is_the_answer_and_is_not_punished(opened, closed, end):
    text = f'{opened}{DRAFT}{closed}{{"total": 2}}{end}'
    assert read_answer(text, JSON) == ({"total": 2}, True, True)
    assert read_answer(f"{opened}Perhaps Billing.{closed}Sales{end}", Labels(names=("Billing", "Sales"))) == (
        "Sales",
        True,
        True,
    )
    assert read_answer(f"{opened}{DRAFT}{closed}A sentence.{end}", Text()).value == "A sentence."


@EACH
def test_after_the_reasoning_a_fence_is_read_as_anywhere(opened, closed):
    text = f'{opened}{DRAFT}{closed}Here: {{"total": 5}}\n```json\n{{"total": 2}}\n```'
    assert read_answer(text, JSON) == ({"total": 2}, False, True)


@EACH
def test_reasoning_that_never_ends_is_no_answer(opened, closed):
    assert read_answer(f"{opened}{DRAFT}", JSON) == (None, False, False)
    assert read_answer(f"{opened}Billing", Labels(names=("Billing",))) == (None, False, False)


@EACH
def test_what_stood_before_unfinished_reasoning_is_kept(opened, closed):
    if opened.startswith("analysis"):
        return  # this mark stands at the beginning only
    assert read_answer(f'{{"total": 2}}\n{opened}{DRAFT}', JSON).value == {"total": 2}


@EACH
def test_a_mark_that_closes_nothing_ends_a_draft_that_the_prompt_opened(opened, closed):
    if opened.startswith("```"):
        return  # a fence closes by the mark it opens with
    assert read_answer(f'{DRAFT}{closed}{{"total": 2}}', JSON) == ({"total": 2}, True, True)


@EACH
def test_several_blocks_and_a_closing_mark_inside_one(opened, closed):
    if opened.startswith(("analysis", "```")):
        return
    twice = f'{opened}{DRAFT}{closed}{opened}{{"total": 4}}{closed}{{"total": 2}}'
    assert read_answer(twice, JSON).value == {"total": 2}
    nested = f'{opened}a {opened}b{closed} {{"total": 4}}{closed}{{"total": 2}}'
    assert read_answer(nested, JSON).value == {"total": 2}


texts = st.text(max_size=12) | st.sampled_from([mark for pair in MARKS for mark in pair])
objects = st.dictionaries(texts, texts | st.integers() | st.lists(texts, max_size=2), max_size=3)


@given(objects, st.sampled_from(["", "Here it is: ", "Total: "]))
def test_marks_inside_an_answer_are_its_text(value, prose):
    assert read_answer(prose + json.dumps(value), JSON).value == value


@given(objects, st.sampled_from(MARKS), st.text('ab{}[]"\\:, ', max_size=30))
def test_any_draft_is_taken_out(value, marks, draft):
    opened, closed = marks
    assert read_answer(opened + draft + closed + json.dumps(value), JSON) == (value, True, True)


@given(st.text())
def test_text_without_a_mark_stays_as_it_is(text):
    assert without_reasoning(text) in (text, text.strip())


@pytest.mark.parametrize(
    "text", ["I think {braces} are fine.", "a < b, think> c", "The analysis: fine", "think", "[THINKING]"]
)
def test_words_are_no_marks(text):
    assert without_reasoning(text) == text


@pytest.mark.parametrize("text", ['{"a":' * 100_000, "{" * 300_000, '{"a": "' * 50_000])
def test_text_that_only_looks_like_an_answer_is_read_once(text):
    """Reading the rest anew at every brace would take minutes."""
    assert without_reasoning(text) == text
    assert without_reasoning(f"{text}</think>Yes") == "Yes"


@pytest.mark.parametrize("frame", ["<|end|>", "<|return|>\n"])
@pytest.mark.parametrize("answer", ["Yes", "", "Yes <|end|> no"])
def test_frames_without_end_are_read_once(frame, answer):
    text = f"<think>Hm.</think>{frame * 50_000}{answer}{frame * 50_000}"
    assert without_reasoning(text) == answer
