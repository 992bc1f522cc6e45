"""Ollama reads from a Modelfile exactly what was trained, or there is no Modelfile."""

import re
import unicodedata
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import tiny_models

from insource.export.card import model_card
from insource.export.modelfile import modelfile, ollama_template
from insource.models.chat_format import render
from insource.models.control_tokens import ControlTokens
from insource.types import Estimate, ParitySummary, Task, Text, TrainingSummary
from insource.types.export import ExportedFile, StepParity

CHATML = (
    "<|im_start|>system\n{{ .System }}<|im_end|>\n<|im_start|>user\n{{ .Prompt }}<|im_end|>\n"
    "<|im_start|>assistant\n"
)
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
    return modelfile(
        task,
        CHATML,
        "base.gguf",
        2048,
        stops=["<|im_end|>", "<|endoftext|>"],
        adapter="adapter.gguf",
        control=control or ControlTokens({}),
    )


def what_it_has_to_say(instruction):
    return [
        ("from", "./base.gguf"),
        ("adapter", "./adapter.gguf"),
        ("template", CHATML),
        ("system", instruction),
        ("stop", "<|im_end|>"),
        ("stop", "<|endoftext|>"),
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


# What each family writes around an instruction and a document, as Go templates that Ollama fills.
WRITTEN = {
    "chatml": (tiny_models.CHATML, "", CHATML),
    "llama 3": (
        tiny_models.LLAMA_3,
        "<|begin_of_text|>",
        "<|start_header_id|>system<|end_header_id|>\n\n{{ .System }}<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\n{{ .Prompt }}<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n",
    ),
    "gemma 3": (
        tiny_models.GEMMA_3,
        "<bos>",
        "<start_of_turn>user\n{{ .System }}\n\n{{ .Prompt }}<end_of_turn>\n<start_of_turn>model\n",
    ),
    "phi": (tiny_models.PHI, "", "<|system|>{{ .System }}<|end|><|user|>{{ .Prompt }}<|end|><|assistant|>"),
    "mistral": (
        tiny_models.MISTRAL,
        "<s>",
        "[SYSTEM_PROMPT]{{ .System }}[/SYSTEM_PROMPT][INST]{{ .Prompt }}[/INST]",
    ),
}


@pytest.mark.parametrize("family", WRITTEN)
def test_ollama_writes_the_prompt_that_the_model_s_own_template_writes(family):
    template, bos, written = WRITTEN[family]
    assert ollama_template(partial(render, template, bos=bos), bos) == written


@pytest.mark.parametrize("family", WRITTEN)
@given(document=st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=1))
def test_filled_in_it_is_that_prompt_for_every_document(family, document):
    template, bos, _ = WRITTEN[family]
    document = document.strip() or "x"  # some templates take white space off the ends
    turns = [{"role": "system", "content": "Do it."}, {"role": "user", "content": document}]
    ours = ollama_template(partial(render, template, bos=bos), bos)
    filled = ours.replace("{{ .System }}", "Do it.").replace("{{ .Prompt }}", document)
    assert bos + filled == render(template, turns, bos=bos)


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{ messages[0].content | upper }}{{ messages[1].content }}", "each text once"),
        ("{{ messages[1].content }}", "each text once"),
        ("{{ messages[0].content }}{{ messages[1].content }}{{ messages[1].content }}", "each text once"),
        ("{{ '{{' }}{{ messages[0].content }}{{ messages[1].content }}", "reads as its own"),
        (tiny_models.GEMMA, "refuses an instruction"),
    ],
)
def test_a_template_that_ollama_cannot_write_is_refused(template, reason):
    with pytest.raises(ValueError, match=re.escape(reason)):
        ollama_template(partial(render, template))


@pytest.mark.parametrize("stop", ['a"b', "two\nlines"])
def test_a_stop_token_that_a_modelfile_cannot_hold_is_refused(example_task, stop):
    with pytest.raises(ValueError, match="stop token"):
        modelfile(example_task, CHATML, "base.gguf", 2048, stops=[stop])


def test_a_whole_model_has_no_adapter(example_task):
    commands = read_by_ollama(modelfile(example_task, CHATML, "m-q8_0.gguf", 512, stops=["<|im_end|>"]))
    assert commands[0] == ("from", "./m-q8_0.gguf")
    assert "adapter" not in dict(commands)


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


PARITY_OF_STEP = StepParity(
    step="GGUF Q8_0",
    lossless=False,
    prompts=50,
    exact=Estimate(value=0.98, low=0.9, high=1.0, n=50, method="Wilson"),
    metric="field_accuracy",
    passed=True,
    sentence="GGUF Q8_0: 49 of 50 answers equal token by token.",
)


def file_of(kind, name, **more):
    return ExportedFile(format=kind, file=name, bytes=145_000_000, digest="0", parity=PARITY_OF_STEP, **more)


@pytest.mark.parametrize(
    ("base", "named"),
    [
        ("smollm2-135m-instruct", "smollm2-135m-instruct"),
        ("hf/Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B"),
        ("gguf//home/me/private/base.gguf", "base.gguf"),
        ("gguf/../models/base.gguf", "base.gguf"),
        ("hf//home/me/private/qwen", "qwen"),
        ("hf/./models/qwen", "qwen"),
    ],
)
def test_the_card_of_a_published_folder_has_every_file_and_no_path(example_task, base, named):
    card = model_card(
        example_task,
        base=base,
        licence="Apache-2.0",
        dataset="pumps@abc",
        training=TRAINING,
        parity=PARITY,
        files=[file_of("q8_0", "model-q8_0.gguf", file_type="Q8_0", note="It fell back.")],
        measured=("field_accuracy", Estimate(value=0.94, low=0.9, high=0.97, n=100, method="t by document")),
    )
    assert f"base_model: {named}\n" in card
    assert "base_model_relation: finetune" in card
    assert "| `model-q8_0.gguf` | Q8_0 | 145,000,000 | It fell back. |" in card
    assert PARITY_OF_STEP.sentence in card
    assert "Field accuracy on the sealed test split: 0.940 [0.900, 0.970], n = 100 (t by document)." in card
    for left in ("[More Information Needed]", "TODO", "None", "{", "home/me", "private", ".."):
        assert left not in card
