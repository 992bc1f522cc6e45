"""When the audits of a version first showed harm."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from insource.config.rollout import RolloutSection
from insource.lifecycle.anchors.attribution import Harm
from insource.stats.bounded_mean import weighted_evidence
from insource.stats.e_process import ChangeDetector, log_evidences
from insource.types.deployment import Audit


def first_harm(
    audits: Sequence[Audit], slo: float, section: RolloutSection, *, in_canary: bool
) -> Harm | None:
    """Return since when the audits have shown harm, and how many came after; None while they show none.

    The evidence is that of ``lifecycle.rollout``: of a version in canary since it answers, of a champion by
    the detector of changes.
    """
    every = [one for one in audits if one.served and one.source != "shadow"]
    if not in_canary:
        every = [one for one in every if one.uniform]
    if not every:
        return None
    if in_canary:
        shown = _harm_logs(every, slo, section) >= -math.log(section.alpha)
    else:
        shown = _detected([one.wrong for one in every], slo, math.log(section.audits_per_false_alarm))
    if not shown[-1]:
        return None
    first = int(np.flatnonzero(~shown)[-1]) + 1 if not shown.all() else 0
    return Harm(every[first].at, len(every) - 1 - first)


def _harm_logs(every: Sequence[Audit], slo: float, section: RolloutSection) -> NDArray[np.float64]:
    """Return the evidence of harm after each audit, as ``lifecycle.rollout`` has it after all of them."""
    uniform = np.array([one.uniform for one in every])
    wrong = np.array([one.wrong for one in every])
    logs = log_evidences(np.cumsum(wrong & uniform), np.cumsum(uniform), slo, "above")
    if uniform.all():
        return logs
    most = max(1 / section.audit_share, 1.0)
    weights = [min(one.weight, most) for one in every]
    mean: NDArray[np.float64] = np.logaddexp(logs, weighted_evidence(wrong, weights, most, slo, "above"))
    return mean - math.log(2)


def _detected(wrong: Sequence[bool], slo: float, needed: float) -> np.ndarray:
    detector, found = ChangeDetector(slo), []
    for one in wrong:
        detector.add([one])
        found.append(detector.log_sum >= needed)
    return np.array(found, dtype=bool)
