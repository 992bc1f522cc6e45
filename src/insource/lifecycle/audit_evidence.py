"""The evidence of audits about the share of wrong answers, after each of them.

Uniform audits enter the mixture of ``stats.e_process``. Beside it stands one of two, each of which is valid
by itself, so that their mean is: where doubtful answers are audited more often, all audits by their weights;
else the local confidence of all served answers as a control variate, with a small part of the evidence. It
pays where confidence tells wrong answers from right ones, and costs little where it does not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from insource.config.rollout import RolloutSection
from insource.stats.bounded_mean import Deviations, predicted_evidence, weighted_evidence
from insource.stats.e_process import Claim, log_evidences
from insource.types.deployment import Audit

Floats = NDArray[np.float64]
PART_OF_WEIGHTS, PART_OF_PREDICTIONS = 0.5, 0.1
"""The parts of the evidence beside that of uniform audits; the rest is theirs."""


def audit_logs(audits: Sequence[Audit], boundary: float, claim: Claim, section: RolloutSection) -> Floats:
    """Return the log evidence after each audit of a served answer, oldest first."""
    uniform = np.array([one.uniform for one in audits], dtype=bool)
    wrong = np.array([one.wrong for one in audits], dtype=bool)
    logs = log_evidences(np.cumsum(wrong & uniform), np.cumsum(uniform), boundary, claim)
    if section.doubtful_audits > 1:
        # No audit is drawn with less than ``audit_share``.
        most = max(1 / section.audit_share, 1.0) if section.audit_share else 1.0
        weights = [min(one.weight, most) for one in audits]
        return _mixed(logs, weighted_evidence(wrong, weights, most, boundary, claim), PART_OF_WEIGHTS)
    known = np.array([one.expected is not None and one.confidence is not None for one in audits], dtype=bool)
    if not known.any():
        return logs
    steps = np.zeros(len(audits))
    found = _with_predictions([one for one, has in zip(audits, known, strict=True) if has], boundary, claim)
    steps[known] = np.diff(found, prepend=0.0)
    return _mixed(logs, np.cumsum(steps), PART_OF_PREDICTIONS)


def last_log(audits: Sequence[Audit], boundary: float, claim: Claim, section: RolloutSection) -> float:
    """Return the log evidence after the last audit, 0 before the first."""
    return float(audit_logs(audits, boundary, claim, section)[-1]) if audits else 0.0


def _with_predictions(audits: Sequence[Audit], boundary: float, claim: Claim) -> Floats:
    known = Deviations(
        predicted=[1 - (one.confidence or 0.0) for one in audits],
        expected=[one.expected or 0.0 for one in audits],
        sums=[one.deviations for one in audits],
        squares=[one.squares for one in audits],
    )
    shares = [1 / one.weight for one in audits]
    return predicted_evidence([one.wrong for one in audits], known, shares, boundary, claim, 1.0)


def _mixed(first: Floats, second: Floats, part: float) -> Floats:
    found: Floats = np.logaddexp(first + math.log(1 - part), second + math.log(part))
    return found
