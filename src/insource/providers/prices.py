"""The cost of a call, from the dated table of ``genai-prices`` and the user's own prices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from insource.config.log import OwnPrice
from insource.types import Usage

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, Provider

_MILLION = Decimal(1_000_000)
_MOST_USD = 1_000_000  # no call costs more
_OWN = "insource.toml"
_CHARGED = "the provider's own account"


class Billing(NamedTuple):
    """What besides the token counts determines the price of a call: see ``billing_of``.

    ``cache_write_1h_tokens`` are the cache writes with a lifetime of an hour. ``terms`` are the table's
    conditions, such as ``("service_tier", "flex")``. ``charged_usd`` is the amount that the provider itself
    reports, as OpenRouter does.
    """

    batch: bool = False
    cache_write_1h_tokens: int = 0
    web_searches: int = 0
    terms: tuple[tuple[str, str], ...] = ()
    charged_usd: Decimal | None = None


class Priced(NamedTuple):
    """A cost in US dollars and the dated price table it comes from; None and "" when unknown."""

    cost_usd: Decimal | None
    priced_by: str


UNPRICED = Priced(None, "")


def billing_of(response: Mapping[str, Any] | None, *, batch: bool = False) -> Billing:
    """Return what an answer document says about billing: service tier, speed, cache lifetimes, searches."""
    response = response or {}
    usage = response.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    tier = response.get("service_tier") or usage.get("service_tier")
    named = {"service_tier": tier, "speed": usage.get("speed")}
    batch = batch or tier == "batch"
    terms = tuple((name, value) for name, value in named.items() if isinstance(value, str))
    return Billing(
        batch=batch,
        cache_write_1h_tokens=_number(usage.get("cache_creation"), "ephemeral_1h_input_tokens"),
        web_searches=_number(usage.get("server_tool_use"), "web_search_requests"),
        terms=(("processing", "batch"), *terms) if batch else terms,
        charged_usd=_charged(usage),
    )


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
        The result is unknown, never free, when: the model is in neither list; input or output tokens were not
        reported; the list has no price for a count or a term; or counts contradict each other.
        """
        counted = usage.input_tokens is not None and usage.output_tokens is not None
        own = self._overrides.get(model) or self._overrides.get(model.partition("/")[2])
        if counted and own is not None:
            return Priced(_own_cost(own, usage, billing), _OWN)
        if billing.charged_usd is not None:
            return Priced(billing.charged_usd, _CHARGED)
        if not counted:
            return UNPRICED
        found = _listed(model, provider)
        if found is None:
            return UNPRICED
        cost = _listed_cost(*found, usage, at or datetime.now(UTC), billing)
        return UNPRICED if cost is None else Priced(cost, _table(datetime.now(UTC).date()))

    @property
    def source(self) -> str:
        """The table's package and version."""
        return _source()

    @property
    def date(self) -> date:
        """The start date of the newest price in force. The table is at least as recent."""
        return _newest_price(datetime.now(UTC).date())


def _own_cost(own: OwnPrice, usage: Usage, billing: Billing) -> Decimal:
    audio_in, audio_out = usage.audio_input_tokens or 0, usage.audio_output_tokens or 0
    cached, written = usage.cached_tokens or 0, usage.cache_write_tokens or 0
    assert usage.input_tokens is not None
    assert usage.output_tokens is not None
    parts = (
        (usage.input_tokens - cached - written - audio_in, own.input),
        (cached, own.input if own.cached is None else own.cached),
        (written, own.input if own.cache_write is None else own.cache_write),
        (audio_in, own.input if own.audio_input is None else own.audio_input),
        (usage.output_tokens - audio_out, own.output),
        (audio_out, own.output if own.audio_output is None else own.audio_output),
    )
    cost = sum((max(0, tokens) * price for tokens, price in parts), Decimal(0)) / _MILLION
    return cost * own.batch if billing.batch else cost


def _listed_cost(
    provider: Provider, model: ModelInfo, usage: Usage, at: datetime, billing: Billing
) -> Decimal | None:
    context = dict(billing.terms) or None
    if not all(_has_terms(model, term, at) for term in billing.terms if term in _OTHER_PRICED):
        return None
    prices = model.get_prices(at, context)
    if (usage.audio_input_tokens and prices.input_audio_mtok is None) or (
        usage.audio_output_tokens and prices.output_audio_mtok is None
    ):
        return None  # the table would price audio as text, which costs a fraction
    simple = _simple_cost(prices.__dict__, usage, billing)
    if simple is not None:
        return simple
    import genai_prices

    tokens = genai_prices.Usage(
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cached_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cache_write_1h_tokens=billing.cache_write_1h_tokens or None,
        input_audio_tokens=usage.audio_input_tokens,
        output_tokens=usage.output_tokens,
        output_reasoning_tokens=usage.reasoning_tokens,
        output_audio_tokens=usage.audio_output_tokens,
        web_searches=billing.web_searches or None,
    )
    try:
        return model.calc_price(
            tokens, provider, genai_request_timestamp=at, price_context=context
        ).total_price
    except ValueError:  # the counts contradict each other, or one is missing, such as cached audio
        return None


# Terms under which a call never costs the standard price.
_OTHER_PRICED = {
    ("processing", "batch"),
    ("service_tier", "flex"),
    ("service_tier", "priority"),
    ("speed", "fast"),
}


def _has_terms(model: ModelInfo, term: tuple[str, str], at: datetime) -> bool:
    """Whether the table has a price of this model under this term at this time."""
    return any(
        term in variant.when.items() and (variant.constraint is None or variant.constraint.active(at))
        for variant in model.price_variants or ()
    )


_SUMMED = {"input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok"}
_OF_OTHER_UNITS = {
    *("cache_write_1h_mtok", "web_searches_kcount", "storage_searches_kcount"),
    *("input_audio_mtok", "output_audio_mtok", "cache_audio_read_mtok"),
    *("input_image_mtok", "output_image_mtok", "cache_image_read_mtok"),
    *("input_video_mtok", "output_video_mtok"),
}
_KNOWN_UNITS = _SUMMED | _OF_OTHER_UNITS


def _simple_cost(prices: Mapping[str, Any], usage: Usage, billing: Billing) -> Decimal | None:
    """Return the library's sum for plain tokens. The library takes 0.1 ms per call, too long in the gateway.

    None for everything else: one-hour cache writes, audio, searches, other kinds of price.
    """
    if usage.audio_input_tokens or usage.audio_output_tokens:
        return None
    if billing.cache_write_1h_tokens or billing.web_searches:
        return None
    if any(price is not None for name, price in prices.items() if name not in _KNOWN_UNITS):
        return None
    read_all, written = usage.input_tokens or 0, usage.output_tokens or 0
    unit = {name: _in_tier(prices.get(name), read_all) for name in _SUMMED}
    cached = (usage.cached_tokens or 0) if unit["cache_read_mtok"] is not None else 0
    kept = (usage.cache_write_tokens or 0) if unit["cache_write_mtok"] is not None else 0
    if cached + kept > read_all or (usage.cached_tokens or 0) > read_all:
        return None
    counts = {"input_mtok": read_all - cached - kept, "output_mtok": written}
    counts |= {"cache_read_mtok": cached, "cache_write_mtok": kept}
    return sum((count * (unit[name] or 0) for name, count in counts.items() if count), Decimal(0)) / _MILLION


def _in_tier(price: Any, input_tokens: int) -> Decimal | None:
    """Return the price for this input length; the whole call is priced at the tier it reaches."""
    found: Decimal | None = getattr(price, "base", price)
    for tier in getattr(price, "tiers", ()):
        found = tier.price if input_tokens > tier.start else found
    return found


@lru_cache(maxsize=4096)  # callers choose the names, and looking up an unknown one is slow
def _listed(model: str, provider: str) -> tuple[Provider, ModelInfo] | None:
    """Return the table's entry for a model, trying the most specific reference first."""
    import genai_prices  # takes a quarter of a second to load

    for reference, where in _references(model, provider):
        try:
            found = genai_prices.calc_price(genai_prices.Usage(), reference, **where)
        except LookupError:
            continue
        return found.provider, found.model
    return None


def _references(model: str, provider: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the names to look up and where, for ``models/gemini-2.5-flash`` also its last part.

    ``openai/gpt-4o`` is provider and model here; on some marketplaces it is the full model name.
    """
    prefix, _, name = model.partition("/")
    if provider:
        at = {"provider_api_url" if "://" in provider else "provider_id": provider}
        yield model, at
        if name:
            yield name, at
            yield model.rpartition("/")[2], at
    if name:
        yield name, {"provider_id": prefix}
    yield model, {"provider_id": None}
    if prefix in ("models", "publishers"):
        yield model.rpartition("/")[2], {"provider_id": None}
    if not name:
        for first_party in ("openai", "anthropic", "google", "mistral"):
            yield model, {"provider_id": first_party}


@cache
def _source() -> str:
    from importlib.metadata import version

    return f"genai-prices {version('genai-prices')}"


@cache
def _table(today: date) -> str:
    return f"{_source()}, {_newest_price(today)}"


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


def _charged(usage: dict[str, Any]) -> Decimal | None:
    """Return the dollars in ``usage.cost``; with the caller's own key, the upstream provider's charge is
    added.
    """
    cost = usage.get("cost")
    if isinstance(cost, dict):
        cost = cost.get("total_cost")
    parts, details = [cost], usage.get("cost_details")
    if usage.get("is_byok") is True:
        parts.append(details.get("upstream_inference_cost") if isinstance(details, dict) else None)
    numbers = [part for part in parts if isinstance(part, int | float) and not isinstance(part, bool)]
    amounts = [number for number in numbers if 0 <= number < _MOST_USD]
    if len(amounts) < len(parts):
        return None
    return sum((Decimal(str(amount)) for amount in amounts), Decimal(0))


def _number(counts: Any, name: str) -> int:
    value = counts.get(name) if isinstance(counts, dict) else None
    return value if isinstance(value, int) and value > 0 else 0
