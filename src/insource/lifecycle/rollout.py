"""One step of a rollout: advance, hold or roll back, by the evidence until now.

Two one-sided e-processes decide (``stats.e_process``): harm against "at most ``slo`` of the answers are
wrong", safety against "at least ``slo + margin`` are". Harm is counted over everything that the version
answered in front of callers; safety anew at each step, because each step has other calls. Both may be looked
at after every audit. Only audits that were drawn uniformly enter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from insource.config.rollout import RolloutSection
from insource.stats.e_process import log_evidence
from insource.types.deployment import Audit, Deployment

Cause = Literal["none", "local", "cloud", "open"]
"""What anchors say about differences: neither side moved, one did, or it is not known yet."""
Move = Literal["advance", "promote", "hold", "roll-back"]


class Evidence(NamedTuple):
    """The audits of one version until now, and what they say."""

    harm_n: int
    harm_wrong: int
    log_harm: float
    safe_n: int
    safe_wrong: int
    log_safe: float

    def figures(self) -> dict[str, float | int | str]:
        """Return the evidence as an event keeps it; ``-inf`` as text, which JSON has no number for."""
        return {name: _finite(value) for name, value in self._asdict().items()}


class Step(NamedTuple):
    """What to do now, and why; ``share`` is that of the next step."""

    move: Move
    reason: str
    evidence: Evidence
    share: float = 0.0


def evidence_of(
    audits: Sequence[Audit],
    section: RolloutSection,
    *,
    step: int,
    sources: Sequence[str] = ("canary", "live"),
) -> Evidence:
    """Return the evidence in the audits of one version; ``step`` is the revision that began the present step.

    Harm counts every audit of a served answer, safety those since the step began.
    """
    served = [one for one in audits if one.uniform and one.served and one.source in sources]
    since = [one for one in served if one.step >= step]
    wrong, lately = sum(one.wrong for one in served), sum(one.wrong for one in since)
    bound = section.slo + section.margin
    return Evidence(
        len(served),
        wrong,
        log_evidence(wrong, len(served), section.slo, "above"),
        len(since),
        lately,
        log_evidence(lately, len(since), bound, "below"),
    )


def next_step(
    deployment: Deployment,
    evidence: Evidence,
    section: RolloutSection,
    now: datetime,
    *,
    cause: Cause | None = None,
) -> Step:
    """Return what to do with a challenger in canary, or with a champion that is audited.

    ``cause`` is what anchors say, None without anchors. With them, only trouble of the local model rolls
    back; while they leave it open, the step is held.
    """
    needed = math.log(1 / section.alpha)
    shown = f"{evidence.harm_wrong} of {evidence.harm_n} audited answers differ from the cloud's"
    if evidence.log_harm >= needed:
        blamed = _blamed(cause, shown, section)
        return Step("hold" if cause not in (None, "local") else "roll-back", blamed, evidence)
    if deployment.stage != "canary":
        return Step("hold", f"nothing speaks against it: {shown}", evidence)
    if cause == "open":
        return Step(
            "hold", "the anchors do not tell yet whether the cloud or the local model moved", evidence
        )
    share = deployment.share
    if evidence.log_safe < needed:
        return Step(
            "hold",
            f"not yet shown to be below {section.slo + section.margin:.1%}: {evidence.safe_wrong} of "
            f"{evidence.safe_n} audited answers of this step differ from the cloud's",
            evidence,
        )
    waited = (now - deployment.step_since).total_seconds()
    if 0 <= waited < section.min_step_s:
        return Step(
            "hold", f"safe, and waits until {section.min_step_s:.0f} s at this step have passed", evidence
        )
    if waited < 0:
        return Step(
            "hold", "the clock stands before the start of this step; waiting until it passed", evidence
        )
    safe = (
        f"shown to be below {section.slo + section.margin:.1%} wrong: {evidence.safe_wrong} of "
        f"{evidence.safe_n} audited answers of this step differ from the cloud's"
    )
    higher = [one for one in section.shares if one > share]
    if not higher:
        return Step("promote", safe, evidence, 1.0)
    return Step("advance", safe, evidence, higher[0])


def _blamed(cause: Cause | None, shown: str, section: RolloutSection) -> str:
    found = f"more than {section.slo:.1%} wrong, shown with {1 - section.alpha:.0%} confidence: {shown}"
    if cause is None or cause == "local":
        return found
    if cause == "cloud":
        return f"the cloud moved, not the local model, by the anchors ({found})"
    return f"held until the anchors tell whether the cloud or the local model moved ({found})"


def audit_probability(section: RolloutSection, share: float) -> float:
    """Return the probability to audit an answer, so that ``audit_share`` of all the task's calls are audited.

    At a share of the calls below ``audit_share``, every answer is audited.
    """
    return min(1.0, section.audit_share / share) if share > 0 else 0.0


def _finite(value: float) -> float | int | str:
    return value if isinstance(value, int) or math.isfinite(value) else str(value)
