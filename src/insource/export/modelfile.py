"""Files for use elsewhere: an Ollama Modelfile and a model card."""

from __future__ import annotations

import json

from insource.types import ParitySummary, Task, TrainingSummary

CHATML = "<|im_start|>"
CHATML_TEMPLATE = """{{- range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ end }}<|im_start|>assistant
"""


def modelfile(task: Task, chat_template: str, base_file: str, context_tokens: int) -> str | None:
    """Return an Ollama Modelfile, or None for a chat template that is not ChatML.

    Ollama needs its own translation of the template, and a guessed one is the most common cause of garbled
    answers.
    """
    if CHATML not in chat_template:
        return None
    lines = [
        f"FROM ./{base_file}",
        "ADAPTER ./adapter.gguf",
        f'TEMPLATE """{CHATML_TEMPLATE}"""',
        f"SYSTEM {json.dumps(task.instruction)}",
        'PARAMETER stop "<|im_end|>"',
        "PARAMETER temperature 0",
        f"PARAMETER num_ctx {context_tokens}",
    ]
    return "\n".join(lines) + "\n"


def model_card(
    task: Task,
    *,
    base: str,
    licence: str,
    dataset: str,
    training: TrainingSummary,
    parity: ParitySummary,
) -> str:
    """Return the card of the exported adapter, with Hugging Face's headings; every figure
    comes from the run.
    """
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

## Training

LoRA on {training.examples} examples of `{dataset}`, {training.epochs:g} epochs, {training.steps} steps;
kept step {training.best_step}, stopped {training.stopped}.

## Parity

{parity.sentence}

## Evaluation and limits

See the report of the run that made this model. The model was evaluated on the task's test split only and
is not meant for other uses.
"""
