"""Checks before training that stop it on the most common silent mistakes in fine-tuning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from insource.foundation.errors import DataError, IntegrityError
from insource.training.tokenize import IGNORE, TrainingRow
from insource.types import Example

SHOWN = 5


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


def check_rows(rows: Sequence[TrainingRow], limit: int) -> None:
    """Check that every row fits the context and has an answer.

    Raises:
        DataError: ``row-too-long`` or ``row-without-answer``, naming the rows.
    """
    long = [row for row in rows if len(row.input_ids) > limit]
    if long:
        raise DataError(
            "row-too-long",
            f"{len(long)} of {len(rows)} training rows are longer than {limit} tokens; none is truncated.",
            details=tuple(f"{row.row_id}: {len(row.input_ids)} tokens" for row in long[:SHOWN]),
            hint="Raise `training.max_tokens` (and `serving.context_tokens`), or shorten the documents.",
        )
    empty = [row for row in rows if all(label == IGNORE for label in row.labels[:-1])]
    if empty:
        raise DataError(
            "row-without-answer",
            f"{len(empty)} training rows have an empty answer, so there is nothing to learn.",
            details=tuple(row.row_id for row in empty[:SHOWN]),
            hint="Give these rows an `output`, or remove them.",
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
