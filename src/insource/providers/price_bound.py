"""The most that a number of tokens can cost: the bound behind budgets and caps, before anything is sent."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from insource.types import Usage

Price = Callable[[str, Usage, datetime], Decimal | None]

# What providers put before a request's own text: a system prompt for tools, the chat template.
HIDDEN_TOKENS = 1024
LONGEST = 2**40  # beyond any model and any budget, and still a number that can be priced
# What is written to Anthropic's cache costs 1.25 times the input, 2 times to stay for an hour.
_FOR_AN_HOUR = Decimal(2) / Decimal("1.25")


def dearest_usd(price: Price, model: str, sent: int, output: int, now: datetime) -> Decimal | None:
    """The price of that many tokens, of whichever kind costs most; None when the model has no price.

    Both counts are rounded up by at most an eighth.
    """
    minute = now.replace(second=0, microsecond=0)
    return _dearest(price, model, _coarse(sent), _coarse(output), minute)


def _coarse(tokens: int) -> int:
    """Rounded up by at most an eighth, so that a few prices serve all requests of a model."""
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
