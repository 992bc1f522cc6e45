"""Count the tokens of a row as training does, for checks long before training."""

from __future__ import annotations

from functools import cache
from typing import Any

from insource.dataset.checks.check import CountTokens, TokenCount
from insource.dataset.rows.examples import example_of
from insource.foundation.errors import PrerequisiteError
from insource.models.catalogue import at_hand, resolve
from insource.training.base import require_extra, tokenizer_alone
from insource.training.tokenize import tokenize
from insource.types import Row, Task


def token_counter(model: str, task: Task) -> tuple[CountTokens | None, str]:
    """Return a counter of a row's tokens after the chat template, or None and the reason.

    Nothing is downloaded. The tokenizer is loaded at the first row, so creating the counter is cheap.
    """
    try:
        require_extra()
    except PrerequisiteError as error:
        return None, f"{error.message} {error.hint}"
    if not at_hand(model):
        return None, f"the base model {model} is not on this machine yet; `insource train` downloads it"

    @cache
    def tokenizer() -> Any:
        return tokenizer_alone(resolve(model))

    def count(row: Row, target: str) -> TokenCount:
        made = tokenize(tokenizer(), task, [example_of(row, target)])[0]
        return TokenCount(len(made.input_ids) - made.answer_tokens, made.answer_tokens)

    return count, ""
