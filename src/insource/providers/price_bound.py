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


def dearest_usd(price: Price, model: str, sent: int, output: int, now: datetime) -> Decimal | None:
    """Return the price if all tokens were of the most expensive kind; None when the model has no price.

    ``price`` returns that for exact counts, as ``PriceTable.dearest`` does. Both counts are rounded up by at
    most an eighth.
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
    return price(model, Usage(input_tokens=sent, output_tokens=output), at)
