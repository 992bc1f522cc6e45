"""What each input does to the net present value, and where it would flip its sign: solved, not guessed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

import numpy as np

from insource.decision.economics.appraisal import in_cents, savings
from insource.decision.economics.assumptions import Assumptions
from insource.decision.economics.options import Option
from insource.decision.economics.quantities import Floats, Quantity
from insource.decision.economics.simulation import unique
from insource.decision.economics.valuation import Drawn
from insource.types.economics import Swing

_GRID = 256  # points on the way to a bound
_FAR = 1e9  # times the value: what has no bound is followed that far
_ZOOMS, _ZOOM = 12, 32  # 32^12 is finer than a float


def tornado(
    option: Option, against: Option, given: Assumptions, inputs: Iterable[Quantity]
) -> tuple[Swing, ...]:
    """Return the inputs that move the net present value, the one with the widest swing first."""
    swings = [_swing(option, against, given, quantity) for quantity in unique(inputs)]
    found = [swing for swing in swings if swing is not None]
    return tuple(sorted(found, key=lambda s: abs(s.npv_high_usd - s.npv_low_usd), reverse=True))


def _swing(option: Option, against: Option, given: Assumptions, quantity: Quantity) -> Swing | None:
    def npv(values: Floats) -> Floats:
        return savings(option, against, given, Drawn({quantity.name: values}, len(values))).npv

    low, high = npv(np.array([float(quantity.low), float(quantity.high)]))
    below, above = flips(npv, quantity)
    if low == high and below is None and above is None:
        return None
    return Swing(
        input=quantity.shown(),
        npv_low_usd=in_cents(Decimal(float(low))),
        npv_high_usd=in_cents(Decimal(float(high))),
        flips_below=below,
        flips_above=above,
    )


def flips(npv: Callable[[Floats], Floats], quantity: Quantity) -> tuple[float | None, float | None]:
    """Return the nearest values under and over the stated one at which ``npv`` changes its sign.

    The sign is looked up on a grid, even and geometric at once, and the first change is then bisected: a
    change that is undone between two points of the grid is not found.
    """
    value, floor = float(quantity.value), float(quantity.floor)
    steps = np.unique(np.concatenate([np.linspace(0, 1, _GRID), np.geomspace(1 / _FAR, 1, _GRID)]))
    down = value - (value - floor) * np.unique(np.concatenate([steps, 1 - steps]))
    if quantity.ceiling is not None:
        up = value + (float(quantity.ceiling) - value) * np.unique(np.concatenate([steps, 1 - steps]))
    else:
        scale = abs(value) or 1.0
        up = value + scale * np.concatenate([[0.0], np.geomspace(1 / _FAR, _FAR, 4 * _GRID)])
    return _first_change(npv, down), _first_change(npv, up)


def _first_change(npv: Callable[[Floats], Floats], points: Floats) -> float | None:
    """Return the first value on the way at which the sign differs from that at its beginning."""
    pays = npv(points) >= 0
    changed = np.flatnonzero(pays != pays[0])
    if not len(changed):
        return None
    near, far = points[changed[0] - 1], points[changed[0]]
    for _ in range(_ZOOMS):
        between = np.linspace(near, far, _ZOOM + 1)
        first = int(np.flatnonzero((npv(between) >= 0) != pays[0])[0])
        near, far = between[max(first - 1, 0)], between[first]
    return float(far)
