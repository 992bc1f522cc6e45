"""When the audits of a version first showed harm."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from insource.config.rollout import RolloutSection
from insource.lifecycle.anchors.attribution import Harm
from insource.stats.e_process import ChangeDetector, log_evidences
from insource.types.deployment import Audit


def first_harm(
    audits: Sequence[Audit], slo: float, section: RolloutSection, *, in_canary: bool
) -> Harm | None:
    """Return since when the audits have shown harm, and how many came after; None while they show none.

    The evidence is that of ``lifecycle.rollout``: of a version in canary since it answers, of a champion by
    the detector of changes.
    """
    served = [one for one in audits if one.uniform and one.served and one.source != "shadow"]
    if not served:
        return None
    if in_canary:
        wrong = np.cumsum([one.wrong for one in served])
        shown = log_evidences(wrong, np.arange(1, len(served) + 1), slo, "above") >= -math.log(section.alpha)
    else:
        shown = _detected([one.wrong for one in served], slo, math.log(section.audits_per_false_alarm))
    if not shown[-1]:
        return None
    first = int(np.flatnonzero(~shown)[-1]) + 1 if not shown.all() else 0
    return Harm(served[first].at, len(served) - 1 - first)


def _detected(wrong: Sequence[bool], slo: float, needed: float) -> np.ndarray:
    detector, found = ChangeDetector(slo), []
    for one in wrong:
        detector.add([one])
        found.append(detector.log_sum >= needed)
    return np.array(found, dtype=bool)
