"""The parts of a price: each count at its own price."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from insource.config.log import OwnPrice
from insource.providers.billing import Billing, is_plain, is_prepaid, worded
from insource.providers.usage import Counts
from insource.types import Usage

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo

_MILLION, _THOUSAND = 1_000_000, 1_000
_CONTRADICTION = "the token counts contradict each other"


class Unpriced(Exception):
    """The price of a call is unknown; the message says why."""


class Component(NamedTuple):
    """A number of tokens of one kind, or of fees, at ``usd`` per ``per`` of them."""

    what: str
    number: int
    usd: Decimal
    per: int = _MILLION

    @property
    def cost_usd(self) -> Decimal:
        return self.number * self.usd / self.per


def own_components(own: OwnPrice, usage: Usage, *, batch: bool) -> list[Component]:
    """Return the parts of a price by the user's own prices; those left out cost as input and output do."""
    audio_in, audio_out = usage.audio_input_tokens or 0, usage.audio_output_tokens or 0
    cached, written = usage.cached_tokens or 0, usage.cache_write_tokens or 0
    plain = (usage.input_tokens or 0) - cached - written - audio_in
    said = (usage.output_tokens or 0) - audio_out
    priced = (
        ("input", plain, own.input),
        ("cached input", cached, own.input if own.cached is None else own.cached),
        ("cache writes", written, own.input if own.cache_write is None else own.cache_write),
        ("audio input", audio_in, own.input if own.audio_input is None else own.audio_input),
        ("output", said, own.output),
        ("audio output", audio_out, own.output if own.audio_output is None else own.audio_output),
    )
    discount = own.batch if batch else Decimal(1)
    return [Component(what, max(0, count), price * discount) for what, count, price in priced]


def own_dearest(own: OwnPrice, usage: Usage) -> list[Component]:
    """Return the parts of a price by the user's own prices, each count at the dearest of its side."""
    read = (own.input, own.cached, own.cache_write, own.audio_input)
    written = (own.output, own.audio_output)
    return [
        Component(side, count or 0, max(price for price in prices if price is not None))
        for side, count, prices in (
            ("input", usage.input_tokens, read),
            ("output", usage.output_tokens, written),
        )
    ]


def table_dearest(model: ModelInfo, usage: Usage, at: datetime) -> list[Component]:
    """Return the parts of a price by the table, each count at the dearest price of its side.

    No use of as many tokens or fewer costs more under the plain terms, fees of tools aside.

    Raises:
        Unpriced: the table has no price per token.
    """
    prices = model.get_prices(at, None).__dict__
    _require_priced_by_token(prices)
    read = usage.input_tokens or 0
    rates: dict[str, list[Decimal]] = {"input": [Decimal(0)], "output": [Decimal(0)]}
    for name, price in prices.items():
        if price is not None and name.endswith("_mtok"):
            tiers = (tier.price for tier in getattr(price, "tiers", ()) if read > tier.start)
            rates["output" if "output" in name else "input"] += [getattr(price, "base", price), *tiers]
    found = [
        Component("input", read, max(rates["input"])),
        Component("output", usage.output_tokens or 0, max(rates["output"])),
    ]
    by_request = prices.get("requests_kcount")
    return found if by_request is None else [*found, Component("request", 1, by_request, _THOUSAND)]


def table_components(model: ModelInfo, usage: Usage, at: datetime, billing: Billing) -> list[Component]:
    """Return the parts of a price by the table.

    Raises:
        Unpriced: the table has no price for a count, a term or a fee, or the counts contradict each other.
    """
    for term in billing.terms:
        if is_prepaid(term):
            raise Unpriced("the price of prepaid capacity is not known")
        if not is_plain(term) and not _has_terms(model, term, at):
            raise Unpriced(f"the table has no price for {term[0]} {worded(term[1], '(not a word)')}")
    prices = model.get_prices(at, dict(billing.terms) or None).__dict__
    _require_priced_by_token(prices)
    read = usage.input_tokens or 0
    unit = {name: _in_tier(price, read) for name, price in prices.items() if price is not None}
    found = [*_input(unit, usage, billing), *_output(unit, usage, billing)]
    if (by_request := prices.get("requests_kcount")) is not None:
        found.append(Component("request", 1, by_request, _THOUSAND))
    return [one for one in found if one.number]


def fee_components(model: ModelInfo, at: datetime, billing: Billing) -> list[Component]:
    """Return the fees of the searches at the provider; a price per request includes them.

    Raises:
        Unpriced: the table has no price for a search.
    """
    prices = model.get_prices(at, dict(billing.terms) or None).__dict__
    searches = (
        ("web searches", "web_searches_kcount", billing.web_searches),
        ("file searches", "storage_searches_kcount", billing.file_searches),
    )
    found = []
    for what, name, count in searches:
        if count and prices.get(name) is None and prices.get("requests_kcount") is None:
            raise Unpriced(f"the table has no price for {what}")
        if count and prices.get(name) is not None:
            found.append(Component(what, count, prices[name], _THOUSAND))
    return found


def _require_priced_by_token(prices: Mapping[str, Any]) -> None:
    if prices.get("input_mtok") is None and prices.get("output_mtok") is None:
        raise Unpriced("the table has no price per token for this model")


def _has_terms(model: ModelInfo, term: tuple[str, str], at: datetime) -> bool:
    """Whether the table has a price of this model under this term at this time."""
    return any(
        term in variant.when.items() and (variant.constraint is None or variant.constraint.active(at))
        for variant in model.price_variants or ()
    )


def _input(unit: Mapping[str, Decimal | None], usage: Usage, billing: Billing) -> list[Component]:
    """Return the parts of the input. What has no price of its own costs as input, audio excepted."""
    read = usage.input_tokens or 0
    counts = billing.counts
    hour = min(counts.cache_write_1h_tokens, usage.cache_write_tokens or 0)
    audio = usage.audio_input_tokens or 0
    cached = usage.cached_tokens or 0
    if cached > read:
        raise Unpriced(_CONTRADICTION)
    if audio and unit.get("input_audio_mtok") is None:
        raise Unpriced("the table has no price for audio input")  # as text, it would cost a fraction
    if hour and unit.get("cache_write_mtok") is not None and unit.get("cache_write_1h_mtok") is None:
        raise Unpriced("the table has no price for cache writes of an hour")
    cached_audio = _cached_audio(unit, cached, audio, counts)
    written = usage.cache_write_tokens or 0
    return _shared(
        "input",
        read,
        unit,
        [
            ("cached input", "cache_read_mtok", cached - cached_audio),
            ("cached audio input", "cache_audio_read_mtok", cached_audio),
            ("cache writes", "cache_write_mtok", written - hour),
            ("cache writes of an hour", "cache_write_1h_mtok", hour),
            ("audio input", "input_audio_mtok", audio - cached_audio),
            ("image input", "input_image_mtok", counts.image_input_tokens),
            ("video input", "input_video_mtok", counts.video_input_tokens),
        ],
    )


def _cached_audio(unit: Mapping[str, Decimal | None], cached: int, audio: int, counts: Counts) -> int:
    """Return how many cached tokens have the price of cached audio."""
    if cached and counts.image_input_tokens and unit.get("input_image_mtok") is not None:
        raise Unpriced("how much of the cached input was images was not reported")
    if not cached or not audio:
        return 0
    if counts.cached_audio_tokens is None:
        raise Unpriced("how much of the cached input was audio was not reported")
    if counts.cached_audio_tokens and unit.get("cache_audio_read_mtok") is None:
        raise Unpriced("the table has no price for cached audio input")
    return counts.cached_audio_tokens


def _output(unit: Mapping[str, Decimal | None], usage: Usage, billing: Billing) -> list[Component]:
    spoken = usage.audio_output_tokens or 0
    if spoken and unit.get("output_audio_mtok") is None:
        raise Unpriced("the table has no price for audio output")
    return _shared(
        "output",
        usage.output_tokens or 0,
        unit,
        [
            ("audio output", "output_audio_mtok", spoken),
            ("image output", "output_image_mtok", billing.counts.image_output_tokens),
            ("video output", "output_video_mtok", billing.counts.video_output_tokens),
            ("reasoning", "output_reasoning_mtok", usage.reasoning_tokens or 0),
        ],
    )


def _shared(
    side: str, total: int, unit: Mapping[str, Decimal | None], kinds: list[tuple[str, str, int]]
) -> list[Component]:
    """Share out a total among the kinds that have a price of their own; the rest costs the plain price."""
    found = []
    for what, name, count in kinds:
        price = unit.get(name)
        if count < 0:
            raise Unpriced(_CONTRADICTION)
        if count and price is not None:
            found.append(Component(what, count, price))
    rest, plain = total - sum(one.number for one in found), unit.get(f"{side}_mtok")
    if rest < 0:
        raise Unpriced(_CONTRADICTION)
    if rest and plain is None:
        raise Unpriced(f"the table has no price for {side} tokens")
    return [*found, Component(side, rest, plain or Decimal(0))]


def _in_tier(price: Any, input_tokens: int) -> Decimal | None:
    """Return the price for this input length; the whole call is priced at the tier it reaches."""
    found: Decimal | None = getattr(price, "base", price)
    for tier in getattr(price, "tiers", ()):
        found = tier.price if input_tokens > tier.start else found
    return found
