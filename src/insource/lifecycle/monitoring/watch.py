"""One check of a task: a window of its calls against the reference, each signal at its share of alpha."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from insource.config.monitor import MonitorSection
from insource.config.rollout import RolloutSection
from insource.lifecycle.drift.behaviour import behaviour
from insource.lifecycle.drift.inputs import Documents, Embed, input_drift
from insource.lifecycle.drift.permutation import blocks_of
from insource.lifecycle.monitoring.alerts import alerts_of
from insource.lifecycle.monitoring.quality import audited, quality
from insource.lifecycle.monitoring.traffic import Observed
from insource.types import OutputSpec, Policy
from insource.types.anchors import Cause
from insource.types.deployment import Audit
from insource.types.monitoring import (
    Alert,
    AuditedAgreement,
    Check,
    InputDrift,
    Quality,
    Signal,
    Window,
)

LABEL_FREE: tuple[Signal, ...] = ("inputs", "behaviour", "quality")
"""The signals that share ``alpha``: each is tested at a third of it, so that all together keep it."""

LEAST_DOCUMENTS = 50
"""Fewer documents with a text are not compared."""

ESTIMATED = ("documents", "fields")
"""Losses whose rate is one minus a mean confidence."""

NO_TEXTS = "the log has no texts of these calls"


class Watched(NamedTuple):
    """A version that is watched, and what it promised.

    ``documents`` are those it was measured on, None to compare with earlier calls instead; ``source`` names
    them. ``calibrated`` says whether its confidences are probabilities of being right, ``moved`` what the
    anchors say of it and the cloud.
    """

    task: str
    version: str
    output: OutputSpec
    policy: Policy
    documents: Documents | None
    source: str
    calibrated: bool
    slo: float
    rollout: RolloutSection
    sentences: Embed | None = None
    moved: Cause | None = None


def check(
    watched: Watched,
    reference: Sequence[Observed],
    window: Sequence[Observed],
    audits: Sequence[Audit],
    section: MonitorSection,
    *,
    before: Sequence[Alert],
    at: datetime,
    seed: int,
) -> Check:
    """Compare a window of calls with the reference, and return what moved with its alerts.

    Args:
        reference: the version's earlier calls.
        audits: all audits of the version.
        before: the alerts that were open, and closed ones that are still to be told.
        seed: the same seed gives the same p-values.
    """
    alpha = section.alpha / len(LABEL_FREE)
    did, does = ([one.answered for one in calls] for calls in (reference, window))
    drift, no_drift = _inputs(watched, reference, window, alpha, seed)
    estimate, no_estimate = _quality(watched, window, alpha)
    agreement, no_agreement = _agreement(watched, audits)
    reasons = {"inputs": no_drift, "quality": no_estimate, "audits": no_agreement}
    found = Check(
        task=watched.task,
        version=watched.version,
        at=at,
        window=_window("calls", window),
        reference=_window(watched.source if watched.documents else "earlier calls", reference),
        inputs=drift,
        behaviour=behaviour(did, does, watched.output, alpha=alpha, seed=seed),
        quality=estimate,
        agreement=agreement,
        skipped={signal: why for signal, why in reasons.items() if why},
    )
    return found.model_copy(update={"alerts": alerts_of(found, before)})


def _inputs(
    watched: Watched, reference: Sequence[Observed], window: Sequence[Observed], alpha: float, seed: int
) -> tuple[InputDrift | None, str]:
    """Return the drift of the documents, or None and why it was not measured."""
    before, now = watched.documents or _documents(reference), _documents(window)
    if min(len(before.texts), len(now.texts)) < LEAST_DOCUMENTS:
        return None, NO_TEXTS
    return input_drift(before, now, alpha=alpha, seed=seed, sentences=watched.sentences), ""


def _quality(watched: Watched, window: Sequence[Observed], alpha: float) -> tuple[Quality | None, str]:
    """Return the estimate without labels, or None and why there is none."""
    policy = watched.policy
    places = [
        (one, int(block))
        for one, block in zip(window, blocks_of(len(window)), strict=True)
        if one.answered.local and one.answered.confidence is not None
    ]
    served = [one for one, _ in places]
    if not served:
        return None, "no answer was served here with a confidence"
    if policy.threshold is None:
        return None, "the policy promises nothing: it has no threshold"
    if policy.loss not in ESTIMATED:
        return None, f"confidences do not estimate what the policy bounds: {policy.loss}"
    found = quality(
        [one.answered.confidence or 0.0 for one in served],
        [one.field_confidences for one in served],
        [block for _, block in places],
        promised=policy.max_error,
        of_fields=policy.loss == "fields",
        calibrated=watched.calibrated,
        alpha=alpha,
    )
    return found, ""


def _agreement(watched: Watched, audits: Sequence[Audit]) -> tuple[AuditedAgreement | None, str]:
    """Return what the audits say, or None and why there are none."""
    found = audited(audits, watched.slo, watched.rollout).model_copy(update={"moved": watched.moved})
    return (found, "") if found.wrong.n else (None, "no answer that was served here has been audited yet")


def _documents(calls: Sequence[Observed]) -> Documents:
    known = [one for one in calls if one.text is not None]
    return Documents([one.text or "" for one in known], [one.slices for one in known])


def _window(source: str, calls: Sequence[Observed]) -> Window:
    first, last = (calls[0].at, calls[-1].at) if calls else (None, None)
    return Window(source=source, calls=len(calls), first=first, last=last)
