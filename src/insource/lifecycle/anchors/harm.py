"""When the audits of a version first showed harm."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from insource.config.rollout import RolloutSection
from insource.lifecycle.anchors.attribution import Harm
from insource.lifecycle.audit_evidence import audit_logs, change_logs
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
        shown = audit_logs(every, slo, "above", section) >= -math.log(section.alpha)
    else:
        shown = change_logs(every, slo) >= math.log(section.audits_per_false_alarm)
    if not shown[-1]:
        return None
    first = int(np.flatnonzero(~shown)[-1]) + 1 if not shown.all() else 0
    return Harm(every[first].at, len(every) - 1 - first)
