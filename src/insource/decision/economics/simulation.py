"""Monte-Carlo: the same formulas over draws of every input, with the same draws for every option.

Each input has a stream of random numbers of its own, by name, so that an input that is added or fixed does
not change the draws of the others, and two options that share an input see the same draws of it.
"""

from __future__ import annotations

from collections.abc import Iterable

from insource.decision.economics.quantities import Quantity
from insource.decision.economics.valuation import Drawn
from insource.foundation.rng import generator

DRAWS = 10_000


def unique(quantities: Iterable[Quantity]) -> tuple[Quantity, ...]:
    """Return each input once, in order.

    Raises:
        ValueError: two different inputs have one name.
    """
    found: dict[str, Quantity] = {}
    for quantity in quantities:
        if found.setdefault(quantity.name, quantity) != quantity:
            raise ValueError(f"two inputs are called {quantity.name!r}")
    return tuple(found.values())


def drawn(quantities: Iterable[Quantity], seed: int, draws: int = DRAWS) -> Drawn:
    """Return ``draws`` numbers of each input that varies, by the quantiles of seeded uniform numbers."""
    values = {}
    for quantity in unique(quantities):
        if quantity.varies:
            uniform = generator(seed, f"economics.{quantity.name}").random(draws)
            # 0 has no quantile: the half of the smallest step that the generator makes stands for it
            values[quantity.name] = quantity.quantile(uniform + 2.0**-54)
    return Drawn(values, draws)
