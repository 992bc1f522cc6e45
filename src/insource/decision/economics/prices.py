"""What the cloud charges for a document: measured, from tokens and list prices, or unknown and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import model_validator

from insource.decision.economics.quantities import Quantity, measured
from insource.decision.economics.valuation import N, Valuation
from insource.types import Estimate, Frozen

CURRENCY = "USD"


class UnknownPrice(Frozen):
    """A price that nobody knows; whatever needs it is unknown, too."""

    reason: str

    def unknown(self) -> tuple[str, ...]:
        return (self.reason,)

    def quantities(self) -> tuple[Quantity, ...]:
        return ()


class MeasuredPrice(Frozen):
    """What documents really cost: cached input, batches and discounts are in it."""

    usd_per_1000: Quantity

    def unknown(self) -> tuple[str, ...]:
        return ()

    def quantities(self) -> tuple[Quantity, ...]:
        return (self.usd_per_1000,)

    def per_document(self, at: Valuation[N]) -> N:
        """Return US dollars a document."""
        return at.of(self.usd_per_1000) / 1000


class ListPrice(Frozen):
    """Tokens of a document, and the dated prices of a million of them.

    ``cached_share`` of the input tokens cost ``cached_usd_per_mtok`` (default: the full price).
    ``trimmed_share`` of the input tokens is left out of the prompt. ``batch_share`` of the documents can
    wait, and costs ``batch_factor`` of the price. A decision endpoint has no output tokens to pay.
    """

    input_tokens: Quantity
    input_usd_per_mtok: Quantity
    output_tokens: Quantity | None = None
    output_usd_per_mtok: Quantity | None = None
    cached_share: Quantity | None = None
    cached_usd_per_mtok: Quantity | None = None
    trimmed_share: Quantity | None = None
    batch_share: Quantity | None = None
    batch_factor: Quantity | None = None

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        """Refuse output tokens without their price, and a batch without its price: neither is free."""
        for count, price in (("output_tokens", "output_usd_per_mtok"), ("batch_share", "batch_factor")):
            if (getattr(self, count) is None) != (getattr(self, price) is None):
                raise ValueError(f"{count} and {price} belong together")
        return self

    def unknown(self) -> tuple[str, ...]:
        return ()

    def quantities(self) -> tuple[Quantity, ...]:
        return tuple(q for name in type(self).model_fields if (q := getattr(self, name)) is not None)

    def per_document(self, at: Valuation[N]) -> N:
        """Return US dollars a document."""
        tokens, price = at.of(self.input_tokens), at.of(self.input_usd_per_mtok)
        if self.trimmed_share is not None:
            tokens = tokens * (1 - at.of(self.trimmed_share))
        cost = tokens * price
        if self.cached_share is not None and self.cached_usd_per_mtok is not None:
            cost = cost - tokens * at.of(self.cached_share) * (price - at.of(self.cached_usd_per_mtok))
        if self.output_tokens is not None and self.output_usd_per_mtok is not None:
            cost = cost + at.of(self.output_tokens) * at.of(self.output_usd_per_mtok)
        if self.batch_share is not None and self.batch_factor is not None:
            cost = cost * (1 - at.of(self.batch_share) * (1 - at.of(self.batch_factor)))
        return cost / 1_000_000


class Saved(Frozen):
    """A price of which a share is saved, such as that of documents which are answered from a cache."""

    price: MeasuredPrice | ListPrice
    saved_share: Quantity

    def unknown(self) -> tuple[str, ...]:
        return ()

    def quantities(self) -> tuple[Quantity, ...]:
        return (*self.price.quantities(), self.saved_share)

    def per_document(self, at: Valuation[N]) -> N:
        """Return US dollars a document."""
        return self.price.per_document(at) * (1 - at.of(self.saved_share))


KnownPrice = MeasuredPrice | ListPrice | Saved
Price = KnownPrice | UnknownPrice


def logged_price(model: str, per_1000: Mapping[str, Estimate], source: str) -> MeasuredPrice | UnknownPrice:
    """Return what the log says that 1,000 documents cost, by currency; unknown with the reason otherwise.

    Raises:
        DataError: ``economics-input`` when the cost is negative or not finite.
    """
    currencies = sorted(per_1000)
    if not currencies:
        return UnknownPrice(reason=f"the price of {model}: no call has a cost")
    if currencies != [CURRENCY]:
        named = " and ".join(currencies)
        return UnknownPrice(
            reason=f"the price of {model}: its costs are in {named}, and not all in {CURRENCY}"
        )
    name = f"price of {model}"
    found = measured(name, per_1000[CURRENCY], unit="USD per 1,000 documents", source=source)
    if found is None:
        return UnknownPrice(reason=f"the price of {model}: no call has a cost")
    return MeasuredPrice(usd_per_1000=found)
