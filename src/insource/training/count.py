"""How many tokens a row has as training sees it, for checks made long before training."""

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
    """Counts a row's tokens after the chat template, or None and why not. Nothing is fetched for it.

    The tokenizer is read at the first row, so that it costs nothing when nobody asks.
    """
    try:
        require_extra()
    except PrerequisiteError as error:
        return None, f"{error.message} {error.hint}"
    if not at_hand(model):
        return None, f"the base model {model} is not on this machine yet; `insource train` fetches it"

    @cache
    def tokenizer() -> Any:
        return tokenizer_alone(resolve(model))

    def count(row: Row, target: str) -> TokenCount:
        made = tokenize(tokenizer(), task, [example_of(row, target)])[0]
        return TokenCount(len(made.input_ids) - made.answer_tokens, made.answer_tokens)

    return count, ""
