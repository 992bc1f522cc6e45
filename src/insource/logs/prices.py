"""What a call costs, from the dated table of ``genai-prices`` and the user's own prices."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

from insource.types import Usage

_MILLION = Decimal(1_000_000)


class PriceTable:
    """Prices by model name, ``gpt-4o-mini`` or ``openai/gpt-4o-mini``. Works offline.

    ``overrides`` maps a name to (input, output) in US dollars per million tokens and goes before the
    table; cached tokens then cost what input tokens cost.
    """

    def __init__(self, overrides: Mapping[str, tuple[Decimal, Decimal]] | None = None) -> None:
        self._overrides = dict(overrides or {})

    def cost(self, model: str, usage: Usage, at: datetime | None = None) -> Decimal | None:
        """The price of one call in US dollars, at the prices of the moment ``at`` (default: now).

        None means unknown, never free: the model is in neither list, or the provider did not report
        both input and output tokens. Cached tokens count as part of the input, as providers report them.
        """
        if usage.input_tokens is None or usage.output_tokens is None:
            return None
        if model in self._overrides:
            input_price, output_price = self._overrides[model]
            return (usage.input_tokens * input_price + usage.output_tokens * output_price) / _MILLION
        return _listed_cost(model, usage, at)

    @property
    def source(self) -> str:
        """The table's package and version."""
        from importlib.metadata import version

        return f"genai-prices {version('genai-prices')}"

    @property
    def date(self) -> date:
        """The start of the newest price in the table, which is therefore no older than that."""
        from genai_prices.data import providers
        from genai_prices.types import StartDateConstraint

        return max(
            price.constraint.start_date
            for provider in providers
            for model in provider.models
            if isinstance(model.prices, list)
            for price in model.prices
            if isinstance(price.constraint, StartDateConstraint)
        )


def _listed_cost(model: str, usage: Usage, at: datetime | None) -> Decimal | None:
    import genai_prices  # takes a quarter of a second to load

    tokens = genai_prices.Usage(
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cached_tokens,
        output_tokens=usage.output_tokens,
    )
    provider, slash, name = model.partition("/")
    # ``openai/gpt-4o`` is a provider's model here, and a model's whole name on some marketplaces.
    for provider_id, reference in ([(provider, name)] if slash else []) + [(None, model)]:
        try:
            found = genai_prices.calc_price(
                tokens, reference, provider_id=provider_id, genai_request_timestamp=at
            )
        except LookupError:
            continue
        return found.total_price
    return None
