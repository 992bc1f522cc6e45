"""What other bounds would allow: the frontier of coverage against bound, with the price of picking from it.

A bound that is chosen after the outcomes were seen is no guarantee: the luckiest of thirty looks better than
it is. So each point has two thresholds. One is promised if its bound was fixed beforehand. The other is
tested at delta divided by the number of points (Bonferroni), so that all hold together and one may be picked.
"""

from __future__ import annotations

from insource.routing.bounds.losses import Judged
from insource.types.routing import FrontierPoint

BOUNDS = tuple(percent / 100 for percent in range(1, 31))
"""Bounds to try: nobody wants to serve answers of which more than 30 % are wrong."""


def frontier(known: Judged, delta: float, *, n: int, choices: int = len(BOUNDS)) -> tuple[FrontierPoint, ...]:
    """Return what each of ``BOUNDS`` allows on ``n`` calibration documents, of which the loss knows some.

    ``choices`` is how many bounds can be picked from, those of frontiers that were shown before included.
    """
    if known.overfull:
        return ()
    points: list[FrontierPoint] = []
    corrected: float | None = None
    for bound in BOUNDS:
        threshold, found = known.threshold(bound, delta), known.threshold(bound, delta / choices)
        # All corrected points hold together, so what a stricter one serves is within this bound, too.
        corrected = min((one for one in (corrected, found) if one is not None), default=None)
        points.append(
            FrontierPoint(
                max_error=bound,
                threshold=threshold,
                share=known.served(threshold) / n if n else 0.0,
                fields=known.counted_share(threshold),
                corrected_threshold=corrected,
                corrected_share=known.served(corrected) / n if n else 0.0,
            )
        )
    return tuple(points)


def pickable(max_error: float) -> float | None:
    """Return the point of the frontier that a bound picked afterwards stands on: the next stricter one.

    None where the frontier has no bound so strict.
    """
    return max((bound for bound in BOUNDS if bound <= max_error), default=None)
