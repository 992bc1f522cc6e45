"""Tell from anchors whether the cloud moved or the local model, when audits show differences.

The audits compare two models and cannot say which of them moved. The anchors can: only a change of the cloud
changes the cloud's answers to them. The anchor is the unit of every test here, however often it was asked.
After arXiv 2606.15474, with an exact test for the anchors that needs no assumption about how noisy the cloud
is (``stats.late_change``), and with evidence that the cloud did not move in place of a mere time-out where
the anchors suffice for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from insource.lifecycle.anchors.rounds import evidence_by_round, rounds_of
from insource.stats.bounded_mean import mean_evidence
from insource.stats.e_process import log_evidence
from insource.stats.intervals import clopper_pearson
from insource.stats.late_change import round_share
from insource.types import Estimate
from insource.types.anchors import Attribution, Cause
from insource.types.deployment import AnchorCheck

MARGIN = 0.1
"""A cloud that changed fewer than this share of its answers does not explain the harm (ratio)."""
BASELINE = 3
"""Answers after the first that say how much an unchanged cloud varies; asked when anchors are added."""
STAKES = (1.0, 1.0, 1.0, 0.5, 0.25)
"""Most of the evidence is for no change at all, so that one round of 50 anchors can show it."""
GUARD_ROUNDS = 2
"""Rounds of all anchors after harm was shown, after which an unchanged cloud is believed."""
GUARD_AUDITS = 300
"""Audits after harm was shown that have to pass too; the width of the reference's guard window."""


class Harm(NamedTuple):
    """When the audits first showed that the local model differs too often, and how many came after."""

    since: datetime
    audits_after: int


def attribute(
    checks: Sequence[AnchorCheck],
    anchors: int,
    harm: Harm | None,
    *,
    slo: float,
    alpha: float,
    version: str = "",
) -> Attribution | None:
    """Return what moved, by the answers to the anchors; None without anchors, which is no opinion.

    Args:
        checks: the answers of both sides in their order, since the cloud was last accepted as it is.
        anchors: how many anchors there are.
        harm: what the audits show, None while they show none.
        slo: the accepted share of differences from the cloud.
        alpha: the probability of each error: to blame an unchanged cloud, ever; to blame the local model for
            a cloud that changed at least ``MARGIN`` of its answers, by the evidence of one round.
        version: the local version; the local side's checks of others do not count.

    Only ``local`` may roll back. ``open`` holds a rollout and asks for audits and another round.
    """
    if not anchors:
        return None
    cloud = rounds_of(check for check in checks if check.side == "cloud")
    changed, lately = _log_changed(cloud, harm)
    fresh = [check for one in cloud for check in one if harm is not None and check.at > harm.since]
    same = _log_same(cloud, fresh)
    local = _log_local(checks, slo, version)
    needed = math.log(1 / alpha)
    waited = harm is not None and harm.audits_after >= GUARD_AUDITS and len(fresh) >= GUARD_ROUNDS * anchors
    cleared = same >= needed or (waited and lately <= 0)
    cause = _cause(harm is not None, changed >= needed, cleared, local >= needed)
    return Attribution(
        cause=cause,
        reason=_reason(cause, cloud, fresh, same >= needed, local >= needed, harm),
        anchors=anchors,
        rounds=len(cloud),
        log_changed=changed,
        log_same=same,
        log_local=local,
        changed=_share([check.same is False for check in cloud[-1]] if len(cloud) > 1 else []),
        right=_share([check.right for check in cloud[-1]] if cloud else []),
        right_before=_share([check.right for check in cloud[0]] if len(cloud) > 1 else []),
    )


def not_known(reason: str) -> Attribution:
    """Return that it is open what moved, because the anchors could not be looked at; ``reason`` says why."""
    nothing = _share([])
    return Attribution(
        cause="open",
        reason=reason,
        anchors=0,
        rounds=0,
        log_changed=0.0,
        log_same=0.0,
        log_local=0.0,
        changed=nothing,
        right=nothing,
        right_before=nothing,
    )


def _cause(harm: bool, changed: bool, cleared: bool, local: bool) -> Cause:
    if harm and local:
        return "local"
    if changed:
        return "cloud"
    if not harm:
        return "none"
    return "local" if cleared else "open"


def _log_changed(rounds: Sequence[Sequence[AnchorCheck]], harm: Harm | None) -> tuple[float, float]:
    """Return the strongest evidence of any round that the cloud changed, and of any since the harm.

    Each round has its part of the error probability, so looks at all of them together keep to it: half of it
    is for the rounds on schedule, half for those after the harm, of which the first ones come to decide.
    """
    found, fresh = [0.0], [0.0]
    for number, evidence in enumerate(evidence_by_round(rounds)[1:], start=2):
        share = round_share(number) / 2
        after = harm is not None and rounds[number - 1][0].at > harm.since
        if after:
            share += 2.0 ** -len(fresh) / 2
            fresh.append(evidence + math.log(share))
        found.append(evidence + math.log(share))
    return max(found), max(fresh)


def _log_same(rounds: Sequence[Sequence[AnchorCheck]], fresh: Sequence[AnchorCheck]) -> float:
    """Return the evidence that the cloud changed fewer than ``MARGIN`` of its answers.

    Each anchor gives one value: whether its first answer after the harm differs from its first one of all,
    less the share of its ``BASELINE`` next answers that did. Later ones may be from after the change. Anchors
    without a second answer before the harm have no such share.
    """
    first: dict[str, AnchorCheck] = {}
    for check in fresh:
        first.setdefault(check.anchor_id, check)
    before: dict[str, list[bool]] = {name: [] for name in first}
    for one in rounds:
        for check in one:
            if check.anchor_id in first and check.same is not None and check.at < first[check.anchor_id].at:
                before[check.anchor_id].append(not check.same)
    values = [
        float(check.same is False) - sum(before[name][:BASELINE]) / len(before[name][:BASELINE])
        for name, check in first.items()
        if before[name]
    ]
    if not values:
        return 0.0
    return float(mean_evidence(values, MARGIN, "below", -1.0, 1.0, fractions=STAKES)[-1])


def _log_local(checks: Sequence[AnchorCheck], slo: float, version: str) -> float:
    """Return the evidence that the version is wrong where the cloud is right, by people's labels.

    That is a part of its differences from the cloud which no change of the cloud explains.
    """
    last = {side: {one.anchor_id: one for one in checks if one.side == side} for side in ("cloud", "local")}
    both = [
        (one.right, last["cloud"][name].right)
        for name, one in last["local"].items()
        if name in last["cloud"] and one.model == version
    ]
    lost = sum(cloud and not local for local, cloud in both)
    return log_evidence(lost, len(both), slo, "above")


def _reason(
    cause: Cause,
    rounds: Sequence[Sequence[AnchorCheck]],
    fresh: Sequence[AnchorCheck],
    same: bool,
    local: bool,
    harm: Harm | None,
) -> str:
    if cause == "none":
        return "the audits show no harm, and the cloud answers the anchors as before"
    if cause == "cloud":
        now, before = (sum(check.right for check in one) / len(one) for one in (rounds[-1], rounds[0]))
        way = "worse" if now < before else "better" if now > before else "no worse"
        return (
            f"the cloud answers the anchors otherwise than before, and {way}: {now:.0%} right by people's "
            f"labels, {before:.0%} in the first round"
        )
    if cause == "open":
        return (
            f"the audits show harm, and since then the cloud was asked {len(fresh)} anchors, which do not "
            f"tell yet whether it moved"
        )
    if local:
        return "the local model is wrong on anchors that the cloud has right"
    if same:
        return f"the cloud answers the anchors as before: it changed fewer than {MARGIN:.0%} of its answers"
    assert harm is not None
    return (
        f"the cloud's answers to the anchors show no change in {GUARD_ROUNDS} rounds and "
        f"{harm.audits_after} audits since the harm was shown; a change of fewer than {MARGIN:.0%} of its "
        f"answers is not ruled out"
    )


def _share(found: Sequence[bool]) -> Estimate:
    if not found:
        return Estimate(value=None, method="not measured")
    low, high = clopper_pearson(sum(found), len(found))
    return Estimate(
        value=sum(found) / len(found), low=low, high=high, n=len(found), method="Clopper–Pearson over anchors"
    )
