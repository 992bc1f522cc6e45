"""An upper bound for the cost of a call before it is sent, used by budgets and caps."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from insource.types import Usage

Price = Callable[[str, Usage, datetime], Decimal | None]

# Tokens that providers add to a request: a system prompt for tools, the chat template.
HIDDEN_TOKENS = 1024
LONGEST = 2**40  # larger than any model or budget allows, but still a number that can be priced
# Writing to Anthropic's cache costs 1.25 times the input price, or 2 times for a lifetime of an hour.
_FOR_AN_HOUR = Decimal(2) / Decimal("1.25")


def dearest_usd(price: Price, model: str, sent: int, output: int, now: datetime) -> Decimal | None:
    """Return the price if all tokens were of the most expensive kind; None when the model has no price.

    Both counts are rounded up by at most an eighth.
    """
    minute = now.replace(second=0, microsecond=0)
    return _dearest(price, model, _coarse(sent), _coarse(output), minute)


def _coarse(tokens: int) -> int:
    """Round up by at most an eighth, so that a few cached prices serve all requests of a model."""
    tokens = min(tokens, LONGEST)
    step = max(1, 1 << max(tokens.bit_length() - 4, 0))
    return -(-tokens // step) * step


@functools.lru_cache(4096)
def _dearest(price: Price, model: str, sent: int, output: int, at: datetime) -> Decimal | None:
    def cost(**kind: int) -> Decimal | None:
        return price(model, Usage(input_tokens=sent, output_tokens=output, **kind), at)

    plain = cost()
    if plain is None:
        return None
    written = cost(cache_write_tokens=sent) or plain
    if written > plain:
        written *= _FOR_AN_HOUR
    heard, spoken = cost(audio_input_tokens=sent), cost(audio_output_tokens=output)
    return max(plain, written, heard or plain, spoken or plain)
