"""Files for use elsewhere: an Ollama Modelfile and a model card."""

from __future__ import annotations

from insource.models.control_tokens import ControlTokens
from insource.types import ParitySummary, Task, TrainingSummary

NO_TOKENS = ControlTokens({})
QUOTES = '"""'
CHATML = "<|im_start|>"
CHATML_TEMPLATE = """{{- range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ end }}<|im_start|>assistant
"""


def modelfile(
    task: Task, chat_template: str, base_file: str, context_tokens: int, control: ControlTokens = NO_TOKENS
) -> str:
    """Return an Ollama Modelfile, from which Ollama reads exactly the instruction that was trained.

    ``control`` are the control tokens of the base model.

    Raises:
        ValueError: with the reason as a sentence. The chat template is not ChatML (Ollama needs its own
            translation, and a guessed one is the most common cause of garbled answers), or Ollama would read
            the instruction or the file's name differently.
    """
    if CHATML not in chat_template:
        raise ValueError(
            "The base model's chat template is not ChatML, and Ollama needs its own translation."
        )
    if spelled := control.spelled_in(task.instruction):
        raise ValueError(f"Ollama would read {spelled[0]} in the instruction as a control token.")
    lines = [
        f"FROM {_quoted(f'./{base_file}', 'the name of the base model')}",
        "ADAPTER ./adapter.gguf",
        f"TEMPLATE {_quoted(CHATML_TEMPLATE, 'the template')}",
        f"SYSTEM {_quoted(task.instruction, 'the instruction')}",
        'PARAMETER stop "<|im_end|>"',
        "PARAMETER temperature 0",
        f"PARAMETER num_ctx {context_tokens}",
    ]
    return "\n".join(lines) + "\n"


def _quoted(value: str, what: str) -> str:
    """Return a value between triple quotes, which Ollama takes off; it knows no escapes.

    Source: ``ParseFile`` and ``unquote`` in parser/parser.go of ollama/ollama.
    """
    if QUOTES in value:
        raise ValueError(f"{what.capitalize()} contains {QUOTES}, which ends a value in a Modelfile.")
    # Go and Python agree on what is printable: letters, marks, numbers, punctuation, symbols and the space.
    lost = next((char for char in value if not (char.isprintable() or char in "\t\r\n")), None)
    if lost is not None:
        raise ValueError(f"{what.capitalize()} contains U+{ord(lost):04X}, which Ollama leaves out.")
    return f"{QUOTES}{value}{QUOTES}"


def model_card(
    task: Task,
    *,
    base: str,
    licence: str,
    dataset: str,
    training: TrainingSummary,
    parity: ParitySummary,
    no_modelfile: str = "",
) -> str:
    """Return the card of the exported adapter, with Hugging Face's headings; every figure
    comes from the run. ``no_modelfile`` says why there is no Modelfile, if there is none.
    """
    ollama = no_modelfile or "The Modelfile has this prompt and these settings."
    return f"""---
base_model: {base}
base_model_relation: adapter
library_name: peft
pipeline_tag: text-generation
license: {licence.lower()}
---

# {task.name}

## Use

The model does one job: it answers the system message "{task.instruction}" and a document.
Send exactly this prompt, temperature 0 and adapter scale 1 in every request.

Ollama: {ollama}

## Training

LoRA on {training.examples} examples of `{dataset}`, {training.epochs:g} epochs, {training.steps} steps;
kept step {training.best_step}, stopped {training.stopped}.

## Parity

{parity.sentence}

## Evaluation and limits

See the report of the run that made this model. The model was evaluated on the task's test split only and
is not meant for other uses.
"""
