"""What the bound of the demo promises, and what happened: in layouts like the training ones, and in new
ones."""

from __future__ import annotations

from insource.report.words import interval, value
from insource.routing.bounds.reasons import percent, promise
from insource.types import Policy, RunResult
from insource.types.routing import ServedShare

NAMES = {"known groups": "In layouts like the training ones", "new groups": "In the six new layouts"}


def kept_or_withheld(result: RunResult) -> list[str]:
    """Return the lines that set the promise of the routing policy beside what it did on the test split."""
    if result.routing is None:
        return []
    policy, served = result.routing.policy, result.routing.served
    lines = [f"The bound: {promise(policy.loss, policy.max_error)} ({percent(1 - policy.delta)} confidence)."]
    return lines + [
        f"  {NAMES[one.name]}: {_promised(policy, one)} {_happened(one)}"
        for one in served
        if one.name in NAMES
    ]


def _promised(policy: Policy, one: ServedShare) -> str:
    if policy.basis != "guaranteed":
        return "nothing is promised."
    if one.name == "known groups":
        return "promised."
    expected = policy.new_groups
    if expected is None:
        return "the guarantee is withheld."
    more = f", {expected.more} more than are at hand before the test" if expected.more else ""
    seen = (
        f" On {expected.groups} layouts that were kept from training: {value(expected.loss)} "
        f"{interval(expected.loss)} wrong."
        if expected.loss.measured
        else ""
    )
    return f"the guarantee is withheld: it takes {expected.more + expected.groups} new layouts{more}.{seen}"


def _happened(one: ServedShare) -> str:
    loss = f"{value(one.loss)} {interval(one.loss)}".strip()
    served = f"{value(one.share)} of {one.documents:,} documents served here"
    return f"What happened: {served}, {loss} of those wrong."
