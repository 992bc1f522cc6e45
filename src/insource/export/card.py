"""The model card of an export, with Hugging Face's headings; every value comes from the run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from insource.contract.compact_form import require_compact_form
from insource.types import Estimate, ParitySummary, Task, TrainingSummary
from insource.types.export import ExportedFile


def model_card(
    task: Task,
    *,
    base: str,
    licence: str,
    dataset: str,
    training: TrainingSummary,
    parity: ParitySummary,
    no_modelfile: str = "",
    files: Sequence[ExportedFile] = (),
    measured: tuple[str, Estimate] | None = None,
) -> str:
    """Return the card of an export.

    ``no_modelfile`` says why there is no Modelfile, if there is none. ``files`` are the formats beside the
    adapter, ``measured`` the metric and its value on the sealed test split, where it was measured.
    """
    merged = bool(files) and all(file.format != "adapter" for file in files)
    ollama = no_modelfile or "The Modelfile has this prompt and these settings."
    return f"""---
base_model: {public_name(base)}
base_model_relation: {"finetune" if merged else "adapter"}
library_name: {"transformers" if merged else "peft"}
pipeline_tag: text-generation
license: {licence.lower()}
---

# {task.name}

## Use

The model does one job: it answers the system message "{task.instruction}" and a document.
Send exactly this prompt, temperature 0{"" if merged else " and adapter scale 1 in every request"}.
{_form(task, training)}
Ollama: {ollama}

## Training

{_trained(training, dataset)}

## Parity

{_parity(parity, files)}
{_files(files)}
## Evaluation and limits

{_evaluation(measured)} The model is not meant for other uses.
"""


def public_name(base: str) -> str:
    """Return the base as what leaves this machine may name it: never a path of it, nor a revision."""
    kind, _, name = base.partition("/")
    if kind == "gguf" or (kind == "hf" and name.startswith(("/", ".", "~"))):
        return PurePath(name).name
    return name.partition("@")[0] if kind == "hf" else base


def _form(task: Task, training: TrainingSummary) -> str:
    """Say how answers without keys are read; empty where they have their keys."""
    if not training.compact_answers:
        return ""
    keys = ", ".join(f"`{name}`" for name in require_compact_form(task.output).names.get((), ()))
    where = (
        f"the values of {keys}, in this order" if keys else "the values of each object, in the schema's order"
    )
    return (
        f"\nAnswers are JSON lists without keys: {where}. Objects inside are lists, too.\n"
        "`insource serve` returns them with their keys; other programs return the lists.\n"
    )


def _trained(training: TrainingSummary, dataset: str) -> str:
    method = next((value for name, value, _ in training.choices if name == "method"), training.method)
    return (
        f"{method} on {training.examples} examples of `{dataset}`, {training.epochs:g} epochs, "
        f"{training.steps} steps;\nkept step {training.best_step}, stopped {training.stopped}."
    )


def _parity(parity: ParitySummary, files: Sequence[ExportedFile]) -> str:
    lines = [f"- Served against trained: {parity.sentence}"]
    return "\n".join([*lines, *(f"- {file.parity.sentence}" for file in files)])


def _files(files: Sequence[ExportedFile]) -> str:
    if not files:
        return ""
    rows = [
        f"| `{file.file}` | {file.file_type.upper() or file.format} | {file.bytes:,} | {file.note or '–'} |"
        for file in files
    ]
    return "\n".join(["", "## Files", "", "| file | type | bytes | note |", "|---|---|---|---|", *rows, ""])


def _evaluation(measured: tuple[str, Estimate] | None) -> str:
    if measured is None or measured[1].value is None:
        return "See the report of the run that made this model."
    name, found = measured
    span = "" if found.low is None else f" [{found.low:.3f}, {found.high:.3f}]"
    return (
        f"{name.replace('_', ' ').capitalize()} on the sealed test split: {found.value:.3f}{span}, "
        f"n = {found.n} ({found.method})."
    )
