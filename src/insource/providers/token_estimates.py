"""Estimate token counts from the length of texts: for bills to come, and where a provider reports none."""

from __future__ import annotations

from typing import Any

from insource.types import Usage

# English text has about four characters per token in every common vocabulary; code and other languages
# have fewer. This gives the order of magnitude of a bill only: counts are marked as estimates, and costs
# are said to be "about".
CHARACTERS_PER_TOKEN = 4


def tokens_in(characters: int) -> int:
    """Return about how many tokens that many characters are, rounded up."""
    return -(-characters // CHARACTERS_PER_TOKEN)


def estimated(reported: Usage, request: dict[str, Any] | None, answer: str) -> tuple[Usage, bool]:
    """Fill in missing counts from the text lengths; return the counts, and whether any was estimated.

    A reported output count that is smaller than the estimate comes from the middle of a stream and is
    replaced.
    """
    filled = {}
    if reported.input_tokens is None and request is not None:
        filled["input_tokens"] = tokens_in(_characters(request))
    guess = tokens_in(len(answer))
    if guess > (reported.output_tokens or 0) or (reported.output_tokens is None and "input_tokens" in filled):
        filled["output_tokens"] = guess
    return (reported.model_copy(update=filled), True) if filled else (reported, False)


def _characters(value: Any) -> int:
    """Return the length of all texts in a request, without embedded images and files."""
    total, pending = 0, [value]
    while pending:
        one = pending.pop()
        if isinstance(one, str):
            total += 0 if one.startswith("data:") else len(one)
        elif isinstance(one, dict):
            pending.extend(one.values())
        elif isinstance(one, list):
            pending.extend(one)
    return total
