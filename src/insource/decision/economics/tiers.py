"""The cloud to compare with: the cheapest tier that is not worse, not only the one that is used today."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from insource.decision.economics.appraisal import present_cost_usd
from insource.decision.economics.assumptions import Assumptions
from insource.decision.economics.options import Option
from insource.foundation.money import show_usd
from insource.types import Frozen

Standing = Literal[
    "incumbent", "better", "not worse", "worse", "inconclusive", "not comparable", "not measured"
]
HOLDS: tuple[Standing, ...] = ("incumbent", "better", "not worse")


class Tier(Frozen):
    """A way to stay in the cloud: a model, a decision endpoint, a batch, a cache, with how good it is."""

    option: Option
    standing: Standing


class Excluded(Frozen):
    """A tier that is not the one to compare with, and why."""

    name: str
    reason: str


class Reference(Frozen):
    """The option to compare with; ``option`` is None where no tier that holds has a known price."""

    option: Option | None
    reason: str
    excluded: tuple[Excluded, ...] = ()
    unknown: tuple[str, ...] = ()


def cheapest_not_worse(tiers: Sequence[Tier], given: Assumptions) -> Reference:
    """Return the tier that costs the least over the horizon, the move to it included, of those that hold.

    Of equal ones the first is taken. A tier without a known price is named in ``unknown``: it could be
    cheaper still.
    """
    holding = [tier for tier in tiers if tier.standing in HOLDS]
    excluded = [
        Excluded(name=tier.option.name, reason=f"its quality is {tier.standing}")
        for tier in tiers
        if tier.standing not in HOLDS
    ]
    unknown = [reason for tier in holding for reason in tier.option.unknown()]
    priced = [tier.option for tier in holding if not tier.option.unknown()]
    costs = [present_cost_usd(option, given) for option in priced]
    if not priced:
        why = unknown[0] if unknown else "no cloud model is known to be good enough"
        return Reference(option=None, reason=why, excluded=tuple(excluded), unknown=tuple(unknown))
    least = costs.index(min(costs))
    chosen, over = priced[least], f"over {given.horizon_months} months"
    excluded += [
        Excluded(name=option.name, reason=f"it costs {show_usd(cost)} {over}")
        for option, cost in zip(priced, costs, strict=True)
        if option is not chosen
    ]
    reason = f"{chosen.name} costs {show_usd(costs[least])} {over}, the least of {len(holding)} that hold"
    if unknown:
        reason = f"{reason}; another may cost less: unknown is {'; '.join(unknown)}"
    return Reference(option=chosen, reason=reason, excluded=tuple(excluded), unknown=tuple(unknown))
