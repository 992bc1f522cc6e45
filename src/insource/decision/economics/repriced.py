"""What the documents of a log would cost at another model's prices, by the dated table."""

from __future__ import annotations

from collections.abc import Sequence

from insource.decision.economics.prices import CURRENCY, MeasuredPrice, UnknownPrice, logged_price
from insource.evaluation.estimators import mean, sampling_units
from insource.providers.billing import billing_of
from insource.providers.prices import PriceTable
from insource.types import Usage


def repriced(
    model: str, usages: Sequence[Usage], table: PriceTable, *, batch: bool = False, input_only: bool = False
) -> MeasuredPrice | UnknownPrice:
    """Return the price of documents with these token counts at ``model``, cached input included.

    ``batch``: at the price of a batch, unknown where the list has none. ``input_only``: at a decision
    endpoint, whose output is free. Another tokenizer may count other tokens; what the model really
    charges is in a log of its own. One document without a price makes the price unknown, with the
    reason: the others may not be like it.
    """
    billing = billing_of(None, batch=batch)._replace(input_only=input_only)
    found = [table.price(model, usage, billing=billing) for usage in usages]
    missing = next((one for one in found if one.cost_usd is None), None)
    if missing is not None:
        return UnknownPrice(reason=f"the price of {model}: {missing.unpriced_because}")
    costs = [1000 * float(one.cost_usd) for one in found if one.cost_usd is not None]
    per_1000 = {CURRENCY: mean(costs, sampling_units([None] * len(costs)), share=False)} if costs else {}
    sources = dict.fromkeys(one.priced_by for one in found)
    return logged_price(model, per_1000, f"{len(costs)} documents at the prices of {'; '.join(sources)}")
