"""One check of a task: a window of its calls against the reference, each signal at its share of alpha."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from insource.config.monitor import MonitorSection
from insource.lifecycle.alerts import alerts_of
from insource.lifecycle.drift.behaviour import behaviour
from insource.lifecycle.drift.inputs import Documents, input_drift
from insource.lifecycle.quality import audited, quality
from insource.lifecycle.traffic import Observed
from insource.types import OutputSpec, Policy
from insource.types.deployment import Audit
from insource.types.monitoring import Alert, Check, Signal, Window

LABEL_FREE: tuple[Signal, ...] = ("inputs", "behaviour", "quality")
"""The signals that share ``alpha``: each is tested at a third of it, so that all together keep it."""

LEAST_DOCUMENTS = 50
"""Fewer documents with a text are not compared."""

NO_TEXTS = "the log has no texts of these calls"


class Watched(NamedTuple):
    """A version that is watched, and what it promised.

    ``documents`` are those it was measured on, None to compare with earlier calls instead; ``source`` names
    them. ``calibrated`` says whether its confidences are probabilities of being right.
    """

    task: str
    version: str
    output: OutputSpec
    policy: Policy
    documents: Documents | None
    source: str
    calibrated: bool
    slo: float
    audit_alpha: float


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
    skipped: dict[str, str] = {}
    before_texts = watched.documents or _documents(reference)
    now_texts = _documents(window)
    drift = found_quality = agreement = None
    if min(len(before_texts.texts), len(now_texts.texts)) < LEAST_DOCUMENTS:
        skipped["inputs"] = NO_TEXTS
    else:
        drift = input_drift(before_texts, now_texts, alpha=alpha, seed=seed)
    did, does = ([one.answered for one in calls] for calls in (reference, window))
    moved = behaviour(did, does, watched.output, alpha=alpha, seed=seed)
    served = [one for one in window if one.answered.local and one.answered.confidence is not None]
    if not served:
        skipped["quality"] = "no answer was served here with a confidence"
    elif watched.policy.threshold is None:
        skipped["quality"] = "the policy promises nothing: it has no threshold"
    else:
        found_quality = quality(
            [one.answered.confidence or 0.0 for one in served],
            [one.field_confidences for one in served],
            promised=watched.policy.max_error,
            of_fields=watched.policy.loss != "documents",
            calibrated=watched.calibrated,
            alpha=alpha,
        )
    if any(one.uniform and one.served for one in audits):
        agreement = audited(audits, bound=watched.slo, alpha=watched.audit_alpha)
    else:
        skipped["audits"] = "no answer that was served here has been audited yet"
    found = Check(
        task=watched.task,
        version=watched.version,
        at=at,
        window=_window("calls", window),
        reference=_window(watched.source if watched.documents else "earlier calls", reference),
        inputs=drift,
        behaviour=moved,
        quality=found_quality,
        agreement=agreement,
        skipped=skipped,
    )
    return found.model_copy(update={"alerts": alerts_of(found, before)})


def _documents(calls: Sequence[Observed]) -> Documents:
    known = [one for one in calls if one.text is not None]
    return Documents([one.text or "" for one in known], [one.slices for one in known])


def _window(source: str, calls: Sequence[Observed]) -> Window:
    first, last = (calls[0].at, calls[-1].at) if calls else (None, None)
    return Window(source=source, calls=len(calls), first=first, last=last)
