"""Weigh every way against today's and against the cheapest one in the cloud, and put them in order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from insource.decision.advice.ways import RISKS, Way, effort_of, hours_of
from insource.decision.economics.assumptions import Assumptions
from insource.decision.economics.options import Option
from insource.decision.economics.tiers import Reference, Tier, cheapest_not_worse
from insource.decision.economics.tiers import Standing as TierStanding
from insource.decision.economics.weigh import weigh
from insource.types import NOT_MEASURED, Estimate
from insource.types.decided import Flip, RankedOption, Standing
from insource.types.economics import Economics, Swing

DRAWS = 4_000
"""Draws for each option: the error of a probability is at most 0.8 points."""
SHOWN_FLIPS = 6
AGREEMENT = "agreement"
UNCHECKED = "nobody checked the labels: how many answers are right is unknown"
NOTHING = Option(name="nothing")

_ORDER: dict[Standing, int] = {"holds": 0, "open": 1, "fails": 2, "ruled out": 3}
_TIERS: dict[Standing, TierStanding] = {
    "holds": "not worse",
    "open": "not measured",
    "fails": "worse",
    "ruled out": "not comparable",
}


class Weighed(NamedTuple):
    """A way with its economics: against today's way, and against the reference."""

    way: Way
    today: Economics
    reference: Economics


class Ranking(NamedTuple):
    """The options in order, with the option that one's own models have to beat."""

    options: tuple[RankedOption, ...]
    weighed: tuple[Weighed, ...]
    reference: Reference

    def weighed_as(self, name: str | None) -> Weighed | None:
        """Return the way of this name, None where there is none."""
        return next((one for one in self.weighed if one.way.name == name), None)


def rank(ways: Sequence[Way], given: Assumptions, seed: int) -> Ranking:
    """Return the ways in order, each weighed.

    What holds comes first, then what is open, what fails and what is ruled out. Of what is open, that which
    looks worse than today's way by more than the margin comes last. Among these the median of the present
    value over the draws decides, today's way at 0; what is unknown comes after what is known. Then the
    quality decides, and the hours of effort.
    """
    keep = next(way for way in ways if way.kind == "keep")
    reference = cheapest_not_worse(
        [_tier(way) for way in ways if not way.own and way.kind != "cascade"], given
    )
    against = reference.option or keep.option
    weighed = tuple(_weighed(way, keep.option, against, given, seed) for way in ways)
    ordered = sorted((_ranked(one, given) for one in weighed), key=_place)
    looks_worse = {one.way.name for one in weighed if _looks_worse(one.way)}
    ordered.sort(key=lambda one: (_ORDER[one.standing], one.name in looks_worse))  # stable
    return Ranking(tuple(_dominated(ordered)), weighed, reference)


def _tier(way: Way) -> Tier:
    standing = "incumbent" if way.kind == "keep" and way.standing == "holds" else _TIERS[way.standing]
    return Tier(option=way.option, standing=standing)


def _weighed(way: Way, today: Option, reference: Option, given: Assumptions, seed: int) -> Weighed:
    alone = reference is today or (not way.own and way.kind != "cascade")
    to_today = weigh(way.option, today, given, seed=seed, draws=DRAWS, with_tornado=alone)
    if alone:
        return Weighed(way, to_today, to_today)
    return Weighed(way, to_today, weigh(way.option, reference, given, seed=seed, draws=DRAWS))


def _looks_worse(way: Way) -> bool:
    """Return whether a way is open and its estimate is below what could hold: being cheap does not help."""
    difference = way.difference
    below = difference.value is not None and difference.value < -(way.margin or 0.0)
    surely = difference.high is not None and difference.high < 0
    return way.standing == "open" and (below or surely)


def _place(option: RankedOption) -> tuple[bool, float, float, float, str]:
    saves, quality = option.saves.value, option.quality.value
    # Unknown is worse than keeping things as they are, never better.
    return (
        saves is None and option.kind != "keep",
        -(saves or 0.0),
        1.0 if quality is None else -quality,
        option.effort_hours or 0.0,
        option.name,
    )


def _ranked(one: Weighed, given: Assumptions) -> RankedOption:
    way, own = one.way, one.way.own or one.way.kind == "cascade"
    economics = one.reference if own else one.today
    if way.kind == "keep":  # against itself there is a bill, and nothing to pay back
        nothing = {"payback_probability": NOT_MEASURED, "break_even": NOT_MEASURED, "sentences": ()}
        economics = economics.model_copy(update=nothing)
    hours = hours_of(way.option, given)
    return RankedOption(
        kind=way.kind,
        name=way.name,
        standing=way.standing,
        why=way.why,
        quality=way.quality,
        metric=way.metric,
        judged=way.judged,
        difference=way.difference,
        p95_s=way.p95_s,
        cost_per_1000_correct_usd=_per_1000(one, given),
        saves=_saves(one),
        economics=economics,
        unknown=economics.unknown,
        risk=RISKS[way.kind],
        effort=effort_of(way.option, hours),
        effort_hours=hours,
        leaves=way.leaves,
        flips=(*_by_money(economics), *_by_margin(way)),
        evidence=way.evidence,
    )


def _saves(one: Weighed) -> Estimate:
    if one.way.kind == "keep":
        return Estimate(value=0.0, method="by definition: it is what is kept")
    return one.today.npv_usd


def _per_1000(one: Weighed, given: Assumptions) -> Estimate:
    """Return what 1,000 right documents cost; known where the option's own inputs are."""
    if one.way.judged == AGREEMENT:
        return Estimate(value=None, method="unknown", note=UNCHECKED)
    if one.today.costs is not None:
        return one.today.costs.per_1000_correct
    if one.way.option.unknown():
        return Estimate(value=None, method="unknown", note="; ".join(one.way.option.unknown()))
    alone = weigh(one.way.option, NOTHING, given, seed=0, draws=DRAWS, with_tornado=False)
    return alone.costs.per_1000_correct if alone.costs is not None else NOT_MEASURED


def _by_money(economics: Economics) -> tuple[Flip, ...]:
    """Return the nearest values of single inputs at which the option's present value changes its sign."""
    pays = (economics.npv_exact_usd or 0) >= 0
    found = [
        (_distance(swing, threshold), swing, side, threshold)
        for swing in economics.tornado
        for side, threshold in (("below", swing.flips_below), ("above", swing.flips_above))
        if threshold is not None
    ]
    turns = "no longer pays" if pays else "pays"
    return tuple(
        Flip(
            input=swing.input.name,
            unit=swing.input.unit,
            now=swing.input.value,
            side="below" if side == "below" else "above",
            threshold=threshold,
            sentence=f"{economics.option} {turns} against {economics.against} with {swing.input.name} "
            f"{side} {number(threshold)} {swing.input.unit} (now {number(swing.input.value)}).",
        )
        for _, swing, side, threshold in sorted(found, key=lambda one: one[0])[:SHOWN_FLIPS]
    )


def _distance(swing: Swing, threshold: float) -> float:
    """Return how far a threshold is away, in the half width of the input's range; out of it counts more."""
    given = swing.input
    low = given.value if given.low is None else given.low
    high = given.value if given.high is None else given.high
    width = (given.value - low) if threshold < given.value else (high - given.value)
    gap = abs(threshold - given.value)
    if width > 0:
        return gap / width
    return 10 + gap / (abs(given.value) or 1.0)


def _by_margin(way: Way) -> tuple[Flip, ...]:
    """Return the margin at which the standing of an arm changes: the low end of the difference, turned."""
    low, margin = way.difference.low, way.margin
    if low is None or margin is None or low >= 0 or way.standing not in ("holds", "open"):
        return ()
    holds = -low < margin
    if holds != (way.standing == "holds"):
        return ()  # the outcome did not follow from this interval alone
    side, turns = ("below", "no longer holds") if holds else ("above", "holds")
    return (
        Flip(
            input="margin",
            unit="of the metric",
            now=margin,
            side="below" if holds else "above",
            threshold=-low,
            sentence=f"{way.name} {turns} with a margin {side} {-low:.3g} (now {margin:g}).",
        ),
    )


def _dominated(options: Sequence[RankedOption]) -> Iterable[RankedOption]:
    """Yield the options, each with the name of one whose estimates are at least as good and as cheap."""
    for option in options:
        better = next((other for other in options if _dominates(other, option)), None)
        yield option if better is None else option.model_copy(update={"dominated_by": better.name})


def _dominates(one: RankedOption, other: RankedOption) -> bool:
    if one is other or _ORDER[one.standing] > _ORDER[other.standing]:
        return False
    values = (one.quality.value, other.quality.value, one.saves.value, other.saves.value)
    if any(value is None for value in values) or one.metric != other.metric:
        return False
    quality, others_quality, saves, others_saves = (float(value) for value in values if value is not None)
    no_worse = quality >= others_quality and saves >= others_saves
    return no_worse and (quality > others_quality or saves > others_saves)


def number(value: float) -> str:
    """Show a number of an input: whole from a thousand on, else with four digits."""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"
