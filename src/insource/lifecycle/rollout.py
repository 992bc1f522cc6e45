"""One step of a rollout: advance, hold or roll back, by the evidence until now.

Two one-sided e-processes decide on a challenger (``stats.e_process``): harm against "at most ``slo`` of the
answers are wrong", safety against "at least ``slo`` + ``margin`` are". Harm is counted over everything that
the version answered in front of callers; safety anew at each step, because each step has other calls. Both
may be looked at after every audit. A champion is watched for a change without end by a detector, which a
long good time does not make blind. ``audit_evidence`` has what the audits say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from insource.config.rollout import RolloutSection
from insource.lifecycle.audit_evidence import OF_DOCUMENTS, change_logs, last_log, lost_and_counted
from insource.types.anchors import Cause
from insource.types.deployment import Audit, Deployment, Version
from insource.types.routing import Loss

Move = Literal["advance", "widen", "promote", "hold", "roll-back"]
COUNTED = {"fields": "fields", "invented": "values, as invented", "weighted": "fields by their weight"}
"""What a loss counts, where it does not count documents."""


class Evidence(NamedTuple):
    """The audits of one version until now, and what they say about ``slo``.

    ``harm_…`` counts all of them, ``safe_…`` those of the present step; ``log_change`` is the detector's.
    ``harm_share`` and ``safe_share`` are of what ``loss`` counts, such as fields; 0 where nothing is counted.
    """

    slo: float
    harm_n: int
    harm_wrong: int
    log_harm: float
    safe_n: int
    safe_wrong: int
    log_safe: float
    log_change: float
    harm_share: float = 0.0
    safe_share: float = 0.0
    loss: Loss = "documents"

    def figures(self) -> dict[str, float | int | str]:
        """Return the evidence as an event keeps it; infinity as text, which JSON has no number for."""
        return {
            name: value if isinstance(value, int | str) or math.isfinite(value) else str(value)
            for name, value in self._asdict().items()
        }


class Step(NamedTuple):
    """What to do now, and why; ``share`` is that of the next step."""

    move: Move
    reason: str
    evidence: Evidence
    share: float = 0.0


def slo_of(version: Version, section: RolloutSection) -> float:
    """Return the accepted share of wrong answers: as configured, else what the version's policy promises."""
    return version.max_error if section.slo is None else section.slo


def evidence_of(audits: Sequence[Audit], slo: float, section: RolloutSection, *, step: int) -> Evidence:
    """Return the evidence in the audits of one version; ``step`` is the revision that began the present step.

    Audits in shadow do not count: they are of other calls.
    """
    every = [one for one in audits if one.served and one.source != "shadow"]
    served = [one for one in every if one.uniform]
    since = [one for one in served if one.step >= step]
    bound = min(slo + section.margin, 0.999)
    wrong, lately = sum(one.wrong for one in served), sum(one.wrong for one in since)
    return Evidence(
        slo,
        len(served),
        wrong,
        last_log(every, slo, "above", section),
        len(since),
        lately,
        last_log([one for one in every if one.step >= step], bound, "below", section),
        float(change_logs(served, slo)[-1]) if served else -math.inf,
        _share(served),
        _share(since),
        served[-1].loss if served else "documents",
    )


def _share(audits: Sequence[Audit]) -> float:
    lost, of = lost_and_counted(audits)
    return float(lost.sum() / of.sum()) if of.sum() else 0.0


def next_step(
    deployment: Deployment,
    evidence: Evidence,
    section: RolloutSection,
    now: datetime,
    *,
    in_canary: bool,
    cause: Cause | None = None,
) -> Step:
    """Return what to do with the challenger ``in_canary``, or else with the champion.

    A canary that was restricted to some calls is widened to all of them before it is promoted: nothing is
    known of the others.

    ``cause`` is what anchors say, None without anchors. With them, only trouble of the local model rolls
    back; while they leave it open, the step is held.
    """
    shown = f"{evidence.harm_wrong} of {evidence.harm_n} audited answers differ from the cloud's"
    shown += _of_loss(evidence.loss, evidence.harm_share)
    if harmful(evidence, section, in_canary=in_canary):
        move: Move = "roll-back" if cause in (None, "local") else "hold"
        return Step(move, _blamed(cause, shown, evidence.slo), evidence)
    if not in_canary:
        return Step("hold", f"nothing speaks against it: {shown}", evidence)
    if cause == "open":
        return Step(
            "hold", "the anchors do not tell yet whether the cloud or the local model moved", evidence
        )
    since = f"{evidence.safe_wrong} of {evidence.safe_n} audited answers of this step differ from the cloud's"
    since += _of_loss(evidence.loss, evidence.safe_share)
    bound = f"{evidence.slo + section.margin:.1%}"
    if evidence.log_safe < math.log(1 / section.alpha):
        return Step("hold", f"not yet shown to be below {bound} wrong: {since}", evidence)
    waited = (now - deployment.step_since).total_seconds()
    if waited < section.min_step_s:  # also when the clock was set back
        return Step("hold", f"safe, and waits for {section.min_step_s:.0f} s at this step", evidence)
    higher = [one for one in section.shares if one > deployment.share]
    safe = f"shown to be below {bound} wrong: {since}"
    if higher:
        return Step("advance", safe, evidence, higher[0])
    if deployment.only:
        return Step("widen", safe, evidence, section.shares[0])
    return Step("promote", safe, evidence, 1.0)


def audit_probability(section: RolloutSection, share: float) -> float:
    """Return the probability to audit an answer, so that ``audit_share`` of all the task's calls are audited.

    At a share of the calls below ``audit_share``, every answer is audited.
    """
    return min(1.0, section.audit_share / share) if share > 0 else 0.0


def harmful(evidence: Evidence, section: RolloutSection, *, in_canary: bool) -> bool:
    """Return whether too many answers are shown to be wrong: ever in a canary, lately of a champion."""
    if in_canary:
        return evidence.log_harm >= math.log(1 / section.alpha)
    return evidence.log_change >= math.log(section.audits_per_false_alarm)


def _of_loss(loss: Loss, share: float) -> str:
    """Return the share that the policy bounds, where that is not of the answers."""
    return "" if loss in OF_DOCUMENTS else f", {share:.1%} of the {COUNTED[loss]}"


def _blamed(cause: Cause | None, shown: str, slo: float) -> str:
    found = f"more than {slo:.1%} wrong, shown: {shown}"
    if cause is None or cause == "local":
        return found
    if cause == "cloud":
        return f"the cloud moved, not the local model, by the anchors ({found})"
    return f"held until the anchors tell whether the cloud or the local model moved ({found})"
