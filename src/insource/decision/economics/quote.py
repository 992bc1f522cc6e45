"""A quoted monthly cost, checked against its parts."""

from __future__ import annotations

from decimal import Decimal

from insource.decision.economics.assumptions import Assumptions
from insource.decision.economics.flows import HARDWARE
from insource.foundation.money import show_usd
from insource.types.economics import Costs, Quote


def checked_quote(quoted_usd: Decimal, costs: Costs, given: Assumptions) -> Quote:
    """Compare a quoted cost of a month with the lines of a month."""
    parts, quoted = costs.month_usd, f"The quoted {show_usd(quoted_usd)} a month"
    if parts <= quoted_usd:
        sentence = f"{quoted} covers the parts, which come to {show_usd(parts)}."
        return Quote(quoted_usd=quoted_usd, parts_usd=parts, possible=True, sentence=sentence)
    sentence = f"{quoted} cannot be right: the parts come to {show_usd(parts)}"
    dearest = max(costs.month, key=lambda line: line.usd)
    if dearest.usd > quoted_usd:
        sentence += f", and {dearest.name} alone is {show_usd(dearest.usd)}"
        if dearest.name == HARDWARE:
            price, life = show_usd(given.hardware_usd.value * costs.machines), given.hardware_months
            sentence += f" ({price} over {life.normalize():f} months)"
    return Quote(quoted_usd=quoted_usd, parts_usd=parts, possible=False, sentence=f"{sentence}.")
