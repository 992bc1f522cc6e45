"""The cost of a call, from the dated table of ``genai-prices`` and the user's own prices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from insource.config.log import OwnPrice
from insource.providers.billing import CHARGED, Billing, Part
from insource.providers.model_names import listed
from insource.providers.price_components import (
    Component,
    Unpriced,
    fee_components,
    own_components,
    own_dearest,
    table_components,
    table_dearest,
)
from insource.providers.regional import READ_ON, regional_factor
from insource.types import Usage

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo

_OWN = "insource.toml"


class Priced(NamedTuple):
    """A cost in US dollars and the dated price table it comes from.

    An unknown cost is None and has the reason in ``unpriced_because``.
    """

    cost_usd: Decimal | None
    priced_by: str
    unpriced_because: str = ""


UNPRICED = Priced(None, "")
UNREAD = Priced(None, "", "no answer was read")
_NAMELESS = Priced(None, "", "the name of the model is not known")


def first_priced(models: Iterable[str], price: Callable[[str], Priced]) -> Priced:
    """Return the first known price among those by these names; else why the first one has none."""
    unpriced = None
    for model in dict.fromkeys(models):
        if not model:
            continue
        found = price(model)
        if found.cost_usd is not None:
            return found
        unpriced = unpriced or found
    return unpriced or _NAMELESS


class PriceTable:
    """Prices by model name, ``gpt-4o-mini`` or ``openai/gpt-4o-mini``. Works offline.

    ``overrides`` are the user's own prices by model name, with or without provider; they take precedence.
    """

    def __init__(self, overrides: Mapping[str, OwnPrice] | None = None) -> None:
        self._overrides = dict(overrides or {})

    def cost(self, model: str, usage: Usage, at: datetime | None = None) -> Decimal | None:
        """Return the price of one call in US dollars as ``price`` finds it; None when unknown."""
        return self.price(model, usage, at).cost_usd

    def price(
        self,
        model: str,
        usage: Usage,
        at: datetime | None = None,
        *,
        provider: str = "",
        billing: Billing = Billing(),  # noqa: B008 - immutable
    ) -> Priced:
        """Return the price of one call at the prices valid at ``at`` (default: now).

        ``provider`` is its name in the table (``azure``) or its base URL; a provider that is not in the table
        is ignored. The user's price comes first, then the amount that the provider reports, then the table.
        The result is unknown, with the reason, never free, when: the model is in neither list; input or
        output tokens were not reported; the list has no price for a count, a term or a fee; or counts
        contradict each other.
        """
        own = self._own(model)
        if billing.charged_usd is not None and (own is None or not _counted(usage)):
            return Priced(billing.charged_usd, CHARGED)
        try:
            found = self.components(model, usage, at, provider=provider, billing=billing)
        except Unpriced as reason:
            if billing.charged_usd is not None:
                return Priced(billing.charged_usd, CHARGED)
            return Priced(None, "", str(reason))
        cost = sum((one.cost_usd for one in found), Decimal(0))
        return Priced(cost, self._source(model, provider, billing))

    def dearest(self, model: str, usage: Usage, at: datetime | None = None) -> Decimal | None:
        """Return the most that a call can cost with as many input and output tokens; None when unknown.

        Every token has the dearest price that its side can have: written to a cache, or of an image. Terms,
        regional endpoints and the fees of tools at the provider come on top.
        """
        own = self._own(model)
        try:
            found = own_dearest(own, usage) if own else table_dearest(_entry(model, ""), usage, at or _now())
        except Unpriced:
            return None
        return sum((one.cost_usd for one in found), Decimal(0))

    def components(
        self,
        model: str,
        usage: Usage,
        at: datetime | None = None,
        *,
        provider: str = "",
        billing: Billing = Billing(),  # noqa: B008 - immutable
    ) -> list[Component]:
        """Return the parts of a price, by the user's own prices or by the table; their sum is the price.

        Raises:
            Unpriced: the price is unknown; the message is the reason.
        """
        if billing.other_charge:
            raise Unpriced(f"the price of {billing.other_charge} is not known")
        at = at or _now()
        apart = [part for part in billing.parts if part.model]
        mine = [part for part in billing.parts if not part.model]
        if len(mine) < 2 or _tokens(mine) != (usage.input_tokens, usage.output_tokens):
            mine = [Part("", billing.counts._replace(usage=usage))]
        found = []
        for part in (*mine, *apart):
            alone = billing._replace(counts=part.counts, web_searches=0, file_searches=0)
            found += self._part(part.model or model, part.counts.usage, at, provider, alone)
        if billing.web_searches or billing.file_searches:
            found += fee_components(_entry(model, provider), at, billing)
        return found

    def _part(
        self, model: str, usage: Usage, at: datetime, provider: str, billing: Billing
    ) -> list[Component]:
        if not _counted(usage):
            raise Unpriced("input or output tokens were not reported")
        own = self._own(model)
        if own is not None:
            return own_components(own, usage, batch=billing.batch)
        factor, _ = regional_factor(model, provider, billing.geography)
        if factor is None:
            raise Unpriced("the price of a regional endpoint is not known for this model")
        if billing.input_only:  # neither output nor the provider's cache changes the price
            usage = Usage(input_tokens=usage.input_tokens, output_tokens=0)
        parts = table_components(_entry(model, provider), usage, at, billing)
        return [one._replace(usd=one.usd * factor) for one in parts] if factor != 1 else parts

    def _own(self, model: str) -> OwnPrice | None:
        return self._overrides.get(model) or self._overrides.get(model.partition("/")[2])

    def _source(self, model: str, provider: str, billing: Billing) -> str:
        if self._own(model) is not None:
            return _OWN
        factor, page = regional_factor(model, provider, billing.geography)
        table = _table(_now().date())
        return table if factor == 1 else f"{table}; times {factor} by {page}, {READ_ON}"

    @property
    def source(self) -> str:
        """The table's package and version."""
        return _package()

    @property
    def date(self) -> date:
        """The start date of the newest price in force. The table is at least as recent."""
        return _newest_price(_now().date())


def _now() -> datetime:
    return datetime.now(UTC)


def _entry(model: str, provider: str) -> ModelInfo:
    found = listed(model, provider)
    if found is None:
        raise Unpriced("the model is not in the price table")
    return found[1]


def _counted(usage: Usage) -> bool:
    return usage.input_tokens is not None and usage.output_tokens is not None


def _tokens(parts: list[Part]) -> tuple[int, int]:
    usages = [part.counts.usage for part in parts]
    return sum(one.input_tokens or 0 for one in usages), sum(one.output_tokens or 0 for one in usages)


@cache
def _package() -> str:
    from importlib.metadata import version

    return f"genai-prices {version('genai-prices')}"


@cache
def _table(today: date) -> str:
    return f"{_package()}, {_newest_price(today)}"


@cache
def _newest_price(today: date) -> date:
    from genai_prices.data import providers
    from genai_prices.types import StartDateConstraint

    return max(
        price.constraint.start_date
        for provider in providers
        for model in provider.models
        if isinstance(model.prices, list)
        for price in model.prices
        if isinstance(price.constraint, StartDateConstraint) and price.constraint.start_date <= today
    )
