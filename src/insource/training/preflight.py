"""Checks before training that stop it on the most common silent mistakes in fine-tuning.

Every check fails closed. ``--force`` overrides those in ``OVERRIDABLE``, and the run records which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from insource.contract.grammar import compile_grammar
from insource.contract.reasoning_field import trained_text
from insource.contract.writable import unwritable
from insource.foundation.errors import DataError, InsourceError, IntegrityError, PrerequisiteError
from insource.models.weights.wheel import require_disk_space
from insource.training.planning.machine import Machine
from insource.training.planning.shape import ModelShape
from insource.training.recipe import Recipe
from insource.training.tokenize import IGNORE, TrainingRow, control_tokens, prompt_pieces, text_ids
from insource.types import Example, JsonSchema, Task

SHOWN = 5
GIB = 2**30
OVERRIDABLE = frozenset({
    "leakage", "memory-too-small", "prompt-not-a-prefix", "answer-not-writable", "system-prompt-lost",
})  # fmt: skip
"""What a person may know better. The others cannot work, or are decided elsewhere (the teacher policy)."""


def failures(checks: Iterable[Callable[[], None]]) -> list[InsourceError]:
    """Run every check and return what failed, so that a person sees all of it at once."""
    found: list[InsourceError] = []
    for check in checks:
        try:
            check()
        except InsourceError as error:
            found.append(error)
    return found


def stop_on(found: Sequence[InsourceError], *, force: bool) -> tuple[str, ...]:
    """Raise the first failure; with ``force``, the first that cannot be overridden. Return the others.

    Raises:
        InsourceError: a failed check.
    """
    stopping = [error for error in found if not force or error.code not in OVERRIDABLE]
    if not stopping:
        return tuple(f"{error.code}: {error.message}" for error in found)
    first = stopping[0]
    others = tuple(f"Also: {error.code}: {error.message}" for error in stopping[1:])
    hint = first.hint
    if first.code in OVERRIDABLE:
        hint += "\n      If you know better: --force, which the run records and the report shows."
    raise type(first)(first.code, first.message, details=(*first.details, *others), hint=hint) from first


def check_template(tokenizer: Any) -> None:
    """Check that the chat template ends an answer with the stop token of the engine.

    Raises:
        IntegrityError: ``stop-token-missing``; such a model would never stop when served.
    """
    if not tokenizer.chat_template or tokenizer.eos_token is None:
        raise IntegrityError(
            "stop-token-missing",
            "The base model has no chat template or no stop token.",
            hint="Use an instruction-tuned model: its GGUF has both.",
        )
    turn = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "answer"}]
    text = tokenizer.apply_chat_template(turn, tokenize=False)
    if tokenizer.eos_token not in text.rpartition("answer")[2]:
        raise IntegrityError(
            "stop-token-missing",
            f"The chat template does not end an answer with {tokenizer.eos_token!r}.",
            hint="Use an instruction-tuned model whose template closes each turn with its stop token.",
        )


def check_system_prompt(tokenizer: Any, task: Task) -> None:
    """Check that the task's instruction is the system prompt: many templates write one of their own else.

    Raises:
        IntegrityError: ``system-prompt-lost``.
    """
    pieces = prompt_pieces(tokenizer, control_tokens(tokenizer), task.messages("a document"))
    text = "".join(piece for piece in pieces if isinstance(piece, str))
    said = task.instruction.strip()
    if said and said in text:
        return
    raise IntegrityError(
        "system-prompt-lost",
        "The task has no instruction, so the chat template may write a system prompt of its own."
        if not said
        else "The chat template does not write the task's instruction into the prompt.",
        hint="Set `task.instruction`." if not said else "Use another base model.",
    )


def check_rows(rows: Sequence[TrainingRow], limit: int, *, stop: int | None = None) -> None:
    """Check that every row fits the context, has an answer, and learns the token ``stop`` at its end.

    Raises:
        DataError: ``row-too-long`` or ``row-without-answer``, naming the rows.
        IntegrityError: ``stop-token-missing``.
    """
    long = [row for row in rows if len(row.input_ids) > limit]
    if long:
        raise DataError(
            "row-too-long",
            f"{len(long)} of {len(rows)} training rows are longer than {limit} tokens; none is truncated.",
            details=tuple(f"{row.row_id}: {len(row.input_ids)} tokens" for row in long[:SHOWN]),
            hint="Raise `training.max_tokens` (and `serving.context_tokens`) up to the base model's\n"
            "      context, shorten the documents, or choose a base model with a longer context.",
        )
    empty = [row for row in rows if all(label == IGNORE for label in row.labels[:-1])]
    if empty:
        raise DataError(
            "row-without-answer",
            f"{len(empty)} training rows have an empty answer, so there is nothing to learn.",
            details=tuple(row.row_id for row in empty[:SHOWN]),
            hint="Give these rows an `output`, or remove them.",
        )
    endless = [row for row in rows if stop is not None and row.labels[-1] != stop]
    if endless:
        raise IntegrityError(
            "stop-token-missing",
            f"{len(endless)} training rows do not end with a stop token that is learned.",
            details=tuple(row.row_id for row in endless[:SHOWN]),
            hint="Use an instruction-tuned base model; its tokenizer has the stop token of its template.",
        )


def check_counts(examples: Sequence[Example], rows: Sequence[TrainingRow]) -> None:
    """Check that there are examples and that each became one row.

    Raises:
        DataError: ``no-training-rows``.
        IntegrityError: ``rows-lost``.
    """
    if not examples:
        raise DataError(
            "no-training-rows",
            "The training split is empty.",
            hint="Add rows, or give the training split a share: insource dataset build",
        )
    if [example.row_id for example in examples] != [row.row_id for row in rows]:
        raise IntegrityError(
            "rows-lost",
            f"{len(examples)} examples became {len(rows)} training rows.",
            hint="This is a bug in Insource: please report it.",
        )


def check_prefixes(tokenizer: Any, task: Task, examples: Iterable[Example]) -> None:
    """Check that the prompt's tokens begin the tokens of prompt and answer, read as one text.

    Otherwise the base model has always seen another token where the answer begins.

    Raises:
        IntegrityError: ``prompt-not-a-prefix``, naming the rows.
    """
    control = control_tokens(tokenizer)
    seen: dict[tuple[str, str], bool] = {}
    broken = []
    for example in examples:
        messages = task.messages(example.input, attributes=example.attributes)
        last = prompt_pieces(tokenizer, control, messages)[-1]
        pair = (
            last if isinstance(last, str) else "",
            trained_text(example.target, example.reasoning, task.output)[:32],
        )
        if pair not in seen:
            prompt = text_ids(tokenizer, pair[0])
            seen[pair] = text_ids(tokenizer, "".join(pair))[: len(prompt)] == prompt
        if not seen[pair]:
            broken.append(example.row_id)
    if broken:
        raise IntegrityError(
            "prompt-not-a-prefix",
            f"In {len(broken)} training rows the answer's first token merges with the prompt's last one.",
            details=tuple(broken[:SHOWN]),
            hint="Use a base model whose template ends the prompt with a control token or a line break.",
        )


def check_writable(task: Task, examples: Iterable[Example]) -> None:
    """Check that the grammar of serving can write every answer that is trained.

    Raises:
        DataError: ``schema-not-supported`` when there is no grammar, ``answer-not-writable``.
    """
    compile_grammar(task.output)
    own = task.output.generated if isinstance(task.output, JsonSchema) else task.output
    found = [
        (one.row_id, unwritable(trained_text(one.target, one.reasoning, task.output), one.contract or own))
        for one in examples
    ]
    stopped = [f"{row}: {where}" for row, where in found if where]
    if stopped:
        raise DataError(
            "answer-not-writable",
            f"{len(stopped)} answers cannot be written under the grammar that serving uses.",
            details=tuple(stopped[:SHOWN]),
            hint="Correct these labels or the schema, and build the dataset again: insource dataset build",
        )


def check_leakage(train: Sequence[Example], held_out: Sequence[Example]) -> None:
    """Check that no training document is also in a held-out split.

    Raises:
        IntegrityError: ``leakage``.
    """
    seen = {example.input for example in train}
    leaked = [example.row_id for example in held_out if example.input in seen]
    if leaked:
        raise IntegrityError(
            "leakage",
            f"{len(leaked)} held-out documents are also in the training split.",
            details=tuple(leaked[:SHOWN]),
            hint="Build the dataset again: insource dataset build",
        )


def check_method(recipe: Recipe, shape: ModelShape, machine: Machine, lora: Callable[[], Recipe]) -> None:
    """Check that this machine can train by the recipe's method.

    A CPU has no kernel that multiplies 4-bit weights: it would unpack each one in both passes of every
    micro-batch. The refusal says what that would save of the memory that ``lora``, the plan for LoRA, needs.

    Raises:
        PrerequisiteError: ``qlora-unavailable``.
    """
    if recipe.method != "qlora" or machine.bitsandbytes:
        return
    if machine.device == "cuda":
        raise PrerequisiteError(
            "qlora-unavailable",
            "QLoRA needs the package bitsandbytes, which is not installed.",
            hint="Install it: pip install bitsandbytes",
        )
    raise PrerequisiteError(
        "qlora-unavailable",
        "QLoRA needs a CUDA device, and this machine has none.",
        details=_without_four_bits(recipe, lora(), shape),
        hint='Use `training.method = "lora"`; the plan says what it takes: insource train --plan',
    )


def check_processes(recipe: Recipe, machine: Machine) -> None:
    """Check that the processes of a run can train together on this machine.

    Raises:
        PrerequisiteError: ``too-few-gpus``, ``sharding-unavailable``.
    """
    if machine.device == "cuda" and recipe.processes > machine.cards:
        raise PrerequisiteError(
            "too-few-gpus",
            f"{recipe.processes} processes need a GPU each, and this machine has {machine.cards}.",
            hint=f"Use at most {machine.cards}: insource train --processes {machine.cards}",
        )
    if not recipe.sharded:
        return
    why = ""
    if machine.device != "cuda":
        why = "accelerate shards weights on GPUs only, and this machine has none"
    elif recipe.method == "qlora":
        why = "accelerate cannot shard a base of 4 bits"
    elif recipe.processes == 1:
        why = "one process has nobody to share with"
    if why:
        raise PrerequisiteError(
            "sharding-unavailable",
            f"The weights cannot be shared out: {why}.",
            hint="Remove `training.sharded`: each process then holds the whole model.",
        )


def _without_four_bits(packed: Recipe, lora: Recipe, shape: ModelShape) -> tuple[str, str]:
    fits = "fits" if lora.fits else "does not fit"
    again = " with gradient checkpointing" if lora.checkpointing else ""
    return (
        f"For this model of {shape.parameters / 1e6:,.0f} million parameters, LoRA needs about "
        f"{lora.memory.needed / GIB:.1f} GiB{again}, {lora.memory.weights / GIB:.1f} GiB of it weights in "
        f"{lora.precision}; it {fits} into the {lora.available_bytes / GIB:.1f} GiB that may be taken.",
        f"In 4 bits the weights would take {packed.memory.weights / GIB:.1f} GiB, but on a CPU each would be "
        "unpacked twice in every micro-batch.",
    )


def check_memory(recipe: Recipe) -> None:
    """Check that the planned peak fits into the memory that training may take.

    Raises:
        PrerequisiteError: ``memory-too-small``, with what takes the memory and what would take less.
    """
    if recipe.fits:
        return
    raise PrerequisiteError(
        "memory-too-small",
        f"Training needs about {recipe.memory.needed / GIB:.1f} GiB, "
        f"and {recipe.available_bytes / GIB:.1f} GiB may be taken.",
        details=(recipe.memory.in_words,),
        hint=less_memory(recipe),
    )


def out_of_memory(recipe: Recipe) -> PrerequisiteError:
    """Return the error of a run whose step did not fit, although it was planned to."""
    return PrerequisiteError(
        "out-of-memory",
        f"A step of {recipe.micro_batch_tokens:,} tokens does not fit into the memory; it was planned with "
        f"{recipe.memory.total / GIB:.1f} GiB of {recipe.available_bytes / GIB:.1f} GiB.",
        details=(f"Planned: {recipe.memory.in_words}.", "Whole checkpoints are kept."),
        hint=less_memory(recipe),
    )


def less_memory(recipe: Recipe) -> str:
    """Return what to try when a step does not fit, the cheapest first."""
    ways = []
    if recipe.method == "full":
        ways.append('`training.method = "lora"`')
    elif recipe.method != "qlora":
        ways.append('`training.method = "qlora"` (on CUDA)')
    if not recipe.checkpointing:
        ways.append("`training.gradient_checkpointing = true`")
    if recipe.micro_batch_tokens > recipe.max_tokens:
        ways.append(f"`training.micro_batch_tokens = {recipe.max_tokens}`")
    ways += ["shorter documents", "a smaller base model", "a higher `training.max_memory_gb`, if it is set"]
    return "Use " + ", or ".join(ways) + "."


def check_disk(folder: Path, trained_parameters: int) -> None:
    """Check that the disk has room for the checkpoints: float32 weights and two optimiser states, thrice.

    Raises:
        PrerequisiteError: ``disk-full``.
    """
    require_disk_space(folder, 3 * 12 * trained_parameters, "Training, for its checkpoints,")
