"""A learning curve: its shape is tested first, then it is fitted and extrapolated at most four times."""

from __future__ import annotations

import numpy as np

from insource.decision.sufficiency.losses import DRAWS, Drawn, Losses, drawn
from insource.stats.curve_shape import shape_test
from insource.stats.intervals import Floats, wilson
from insource.stats.power_law import PowerLaws, fit_power_laws
from insource.types import NOT_MEASURED, Estimate
from insource.types.sufficiency import (
    CurvePoint,
    CurveShape,
    CurveSource,
    Doubling,
    LearningCurve,
    PowerLawFit,
    Prediction,
    ShapeVerdict,
)

FURTHEST = 4
"""Times the examples of the largest size: further, three parameters were off by several points."""
LEVEL = 0.05
LAW = "three-parameter power law"


class Fitted:
    """The law of the observed errors, and those of the draws."""

    def __init__(self, found: Losses, draws: Drawn) -> None:
        self._found, self._drawn = found, draws
        self._law = fit_power_laws(found.rows, draws.observed)
        self._laws = fit_power_laws(found.rows, draws.draws)

    def quality_at(self, rows: float) -> Estimate:
        """Return the quality to be expected after ``rows`` examples."""
        return self._estimate(
            self._found.as_error(self._law.at(rows)), self._found.as_error(self._laws.at(rows))
        )

    def gain(self, rows: float, more: float) -> tuple[Estimate, Floats]:
        """Return what going from ``rows`` to ``more`` examples takes off the error, and its draws."""
        draws = self._laws.at(rows) - self._laws.at(more)
        return self._estimate(self._law.at(rows) - self._law.at(more), draws), draws

    def rows_for(self, quality: float) -> tuple[float, Floats]:
        """Return the examples at which the error is that of ``quality``, and its draws; may be infinite."""
        error = float(self._found.as_error(np.array(quality)))
        return float(self._law.reaching(error)[0]), self._laws.reaching(error)

    def misses(self) -> str:
        """Return that the law misses what was measured at the largest size, empty when its band holds it.

        Prediction starts there, so a law that is off there is off beyond.
        """
        rows, measured = self._found.rows[-1], float(self._found.as_error(self._drawn.observed)[-1])
        fitted = self.quality_at(rows)
        if fitted.low is None or fitted.high is None or fitted.low <= measured <= fitted.high:
            return ""
        return (
            f"a power law misses what was measured after {rows:,.0f} examples: {100 * measured:.1f} %, and "
            f"{100 * fitted.low:.1f} to {100 * fitted.high:.1f} % by the law; nothing is extrapolated"
        )

    def parameters(self) -> PowerLawFit:
        """Return the parameters with their intervals."""
        return PowerLawFit(
            **{name: self._estimate(getattr(self._law, name), getattr(self._laws, name)) for name in _NAMES}
        )

    def _estimate(self, value: Floats, draws: Floats) -> Estimate:
        low, high = np.quantile(draws, [0.025, 0.975])
        return Estimate(
            value=float(value[0]),
            low=float(low),
            high=float(high),
            n=self._found.documents,
            method=f"{LAW}, {self._drawn.method}",
            note=self._drawn.note,
        )


_NAMES = PowerLaws._fields


def learning_curve(
    found: Losses,
    *,
    source: CurveSource,
    arm: str,
    reason: str,
    delta: float,
    usd_per_row: float | None = None,
    seed: int = 0,
) -> LearningCurve:
    """Return the curve with its band, or with the reason why nothing is extrapolated from it.

    Args:
        delta: the gain, in the metric's good direction, that would be worth twice the examples.
        usd_per_row: the cost of one more labelled example, None where it is not known.
    """
    curve = LearningCurve(
        source=source,
        arm=arm,
        reason=reason,
        metric=found.metric,
        documents=found.documents,
        points=tuple(
            CurvePoint(rows=round(rows), trainings=found.trainings[place], quality=found.point(place))
            for place, rows in enumerate(found.rows)
        )
        if found.documents
        else (),
    )
    if refused := found.why_not():
        return curve.model_copy(update={"refused": refused})
    draws = drawn(found, seed, "curve")
    shape = shape_of(found, draws)
    if shape.verdict != "monotone and convex":
        refused = f"{shape.sentence} A power law does not describe such a curve: nothing is extrapolated."
        return curve.model_copy(update={"shape": shape, "refused": refused})
    fitted, rows = Fitted(found, draws), found.rows[-1]
    if missed := fitted.misses():
        return curve.model_copy(update={"shape": shape, "refused": missed})
    return curve.model_copy(
        update={
            "shape": shape,
            "fit": fitted.parameters(),
            "predictions": tuple(
                Prediction(rows=round(times * rows), quality=fitted.quality_at(times * rows))
                for times in (1, 2, FURTHEST)
            ),
            "doubling": _doubling(fitted, rows, delta, usd_per_row),
            "note": draws.note,
        }
    )


def shape_of(found: Losses, draws: Drawn) -> CurveShape:
    """Test whether the curve is monotone and convex, each at half the level."""
    test = shape_test(found.rows, draws.observed, draws.draws)
    at = [f"{round(rows):,}" for rows in found.rows]
    verdict: ShapeVerdict = "monotone and convex"
    sentence = f"Nothing speaks against a monotone and convex curve over {len(at)} sizes."
    if test.monotone_p < LEVEL / 2:
        first, last = test.rises
        verdict = "not monotone"
        sentence = f"From {at[first]} to {at[last]} examples it becomes worse (p = {test.monotone_p:.2g})."
    elif test.convex_p < LEVEL / 2:
        first, middle, last = test.bulges
        verdict = "not convex"
        sentence = (
            f"Between {at[first]} and {at[last]} examples the later ones help more than the earlier ones, "
            f"around {at[middle]} (p = {test.convex_p:.2g})."
        )
    return CurveShape(
        verdict=verdict,
        monotone_p=test.monotone_p,
        convex_p=test.convex_p,
        method=f"largest contrast over its standard error, {draws.method}, each at {LEVEL / 2:g}",
        sentence=sentence,
    )


def _doubling(fitted: Fitted, rows: float, delta: float, usd_per_row: float | None) -> Doubling:
    gain, draws = fitted.gain(rows, 2 * rows)
    reached = int(np.sum(draws >= delta))
    low, high = wilson(reached, DRAWS)
    share = reached / DRAWS
    return Doubling(
        rows=round(rows),
        delta=delta,
        gain=gain,
        probability=Estimate(
            value=share, low=min(low, share), high=max(high, share), n=DRAWS, method="share of the draws"
        ),
        usd_per_point=_per_point(gain, None if usd_per_row is None else usd_per_row * rows),
    )


def _per_point(gain: Estimate, usd: float | None) -> Estimate:
    if usd is None:
        return NOT_MEASURED.model_copy(update={"note": "the cost of a label is not known"})

    def cost(points: float | None) -> float | None:
        return usd / (100 * points) if points is not None and points > 0 else None

    value = cost(gain.value)
    if value is None:
        return NOT_MEASURED.model_copy(update={"note": "twice the examples are expected to gain nothing"})
    high = cost(gain.low)
    note = "" if high is not None else "no upper end: the gain may be nothing"
    return Estimate(
        value=value, low=cost(gain.high), high=high, n=gain.n, method="labels over the gain", note=note
    )
