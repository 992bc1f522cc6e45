"""Ollama reads from a Modelfile exactly what was trained, or there is no Modelfile."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.export.modelfile import CHATML_TEMPLATE, model_card, modelfile
from insource.models.control_tokens import ControlTokens
from insource.types import ParitySummary, Task, Text, TrainingSummary

CHATML = "{% for m in messages %}<|im_start|>{{ m.role }}…"
SPACES, LINE_ENDS = " \t", "\r\n"


def read_by_ollama(text):
    """The commands of a Modelfile as pairs, read rune by rune after the grammar of Ollama's parser."""
    commands, state, name, buffer = [], "nothing", "", ""
    for rune in text:
        if state == "nothing":
            if rune not in SPACES + LINE_ENDS:
                state, buffer = "name", rune
        elif state == "value" and rune in SPACES + LINE_ENDS:
            value = without_quotes(buffer.strip())
            if value is None or rune in SPACES:
                buffer += rune
            else:
                commands.append((name, value))
                state, buffer = "nothing", ""
        elif state != "value" and rune in SPACES:
            name, state = buffer.lower(), "parameter" if buffer.lower() == "parameter" else "value"
            buffer = ""
        elif unicodedata.category(rune)[0] in "LMNPS":
            buffer += rune
    assert (state, buffer) == ("nothing", ""), "the last value has no end"
    return commands


def without_quotes(value):
    """The value, or None where its closing quotes have not come yet."""
    for quotes in ('"""', '"'):
        if value.startswith(quotes):
            closed = value.endswith(quotes) and len(value) >= 2 * len(quotes)
            return value[len(quotes) : -len(quotes)] if closed else None
    return value


def of_instruction(instruction, control=None):
    task = Task(name="t", instruction=instruction, output=Text())
    return modelfile(task, CHATML, "base.gguf", 2048, control or ControlTokens({}))


def what_it_has_to_say(instruction):
    return [
        ("from", "./base.gguf"),
        ("adapter", "./adapter.gguf"),
        ("template", CHATML_TEMPLATE),
        ("system", instruction),
        ("stop", "<|im_end|>"),
        ("temperature", "0"),
        ("num_ctx", "2048"),
    ]


TRAINING = TrainingSummary(
    base_model="tiny",
    examples=123,
    steps=40,
    planned_steps=50,
    epochs=2.5,
    tokens=1,
    tokens_per_s=1,
    best_step=35,
    best_validation_loss=0.1,
    stopped="early: no improvement on validation",
)
PARITY = ParitySummary(
    prompts=6,
    tokens=60,
    token_agreement=1,
    mean_logprob_difference=0.0,
    prompt_tokens_equal=True,
    passed=True,
    sentence="60 of 60 greedy tokens equal.",
)
PIECES = st.sampled_from(
    ['"', '""', "\n", "\r\n", " ", "\t", "\\", "\\n", "#", "SYSTEM x", "Größe", "日本", "👍"]
)


@given(st.lists(PIECES | st.text(max_size=3)).map("".join))
def test_ollama_reads_back_the_instruction_or_there_is_no_modelfile(instruction):
    try:
        text = of_instruction(instruction)
    except ValueError:
        return
    assert read_by_ollama(text.encode().decode()) == what_it_has_to_say(instruction)


@given(st.lists(PIECES | st.text(st.characters(categories=["L", "M", "N", "P", "S"]))).map("".join))
def test_letters_quotes_and_lines_are_never_refused(instruction):
    instruction = instruction.replace('"""', "")
    assert read_by_ollama(of_instruction(instruction)) == what_it_has_to_say(instruction)


@pytest.mark.parametrize(
    "instruction",
    [
        'Answer "yes"\nor "no"',
        'Quote the part as "n/a"',
        "  Two spaces before, a line after.\n",
        "Maße in „mm“, nicht in Zoll.",
        "",
    ],
)
def test_an_instruction_stays_as_it_is(instruction):
    assert ("system", instruction) in read_by_ollama(of_instruction(instruction))


@pytest.mark.parametrize(
    ("instruction", "reason"),
    [
        ('Write """ around it.', 'contains """'),
        ("480\u00a0V", "U+00A0"),
        ("no\u200bbreak", "U+200B"),
        ("bell\a", "U+0007"),
        ("End with <|im_end|>.", "control token"),
    ],
)
def test_what_ollama_would_read_otherwise_is_refused(instruction, reason):
    with pytest.raises(ValueError, match=re.escape(reason)):
        of_instruction(instruction, ControlTokens({"<|im_end|>": 2}))


def test_a_template_that_is_not_chatml_is_not_guessed(example_task):
    with pytest.raises(ValueError, match="not ChatML"):
        modelfile(example_task, "[INST] {{ prompt }} [/INST]", "base.gguf", 2048)


def test_every_figure_of_the_card_is_the_run_s(example_task):
    card = model_card(
        example_task, base="tiny", licence="Apache-2.0", dataset="pumps@abc", training=TRAINING, parity=PARITY
    )
    assert "license: apache-2.0" in card
    assert "123 examples of `pumps@abc`, 2.5 epochs, 40 steps" in card
    assert "kept step 35" in card
    assert PARITY.sentence in card
    assert example_task.instruction in card
    assert "The Modelfile has this prompt" in card


def test_the_card_says_why_there_is_no_modelfile(example_task):
    card = model_card(
        example_task,
        base="b",
        licence="MIT",
        dataset="d",
        training=TRAINING,
        parity=PARITY,
        no_modelfile="It cannot.",
    )
    assert "Ollama: It cannot." in card
