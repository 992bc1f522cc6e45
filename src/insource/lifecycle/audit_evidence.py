"""The evidence of audits about what a version's policy bounds, after each of them.

What is tested is the policy's own loss: wrong documents, or what is wrong of the fields, values or weights
that are counted, as the ratio of two sums. For documents, uniform audits enter the mixture of
``stats.e_process``; for a ratio, the bets of ``stats.bounded_mean``. Beside it stands one of two, each of
which is valid by itself, so that their mean is: where doubtful answers are audited more often, all audits
by their weights; else, for documents, the local confidence of all served answers as a control variate, with
a small part of the evidence. It pays where confidence tells wrong answers from right ones, and costs little
where it does not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from insource.config.rollout import RolloutSection
from insource.stats.bounded_mean import (
    Deviations,
    change_evidence,
    mean_evidence,
    predicted_evidence,
    ratio_losses,
    weighted_evidence,
)
from insource.stats.e_process import ChangeDetector, Claim, log_evidences
from insource.types.deployment import Audit
from insource.types.routing import Loss

Floats = NDArray[np.float64]
PART_OF_WEIGHTS, PART_OF_PREDICTIONS = 0.5, 0.1
"""The parts of the evidence beside that of uniform audits; the rest is theirs."""

OF_DOCUMENTS: frozenset[Loss] = frozenset({"documents", "cloud"})
"""Losses whose audits are wrong or not. Whether the cloud was right is not known of an audit, so ``cloud`` is
audited as documents, against a limit that was stated for them."""


def audit_logs(audits: Sequence[Audit], boundary: float, claim: Claim, section: RolloutSection) -> Floats:
    """Return the log evidence after each audit of a served answer, oldest first."""
    uniform = np.array([one.uniform for one in audits], dtype=bool)
    of_documents = _of_documents(audits)
    losses = _losses(audits, boundary)
    if of_documents:
        wrong = losses > 0
        logs = log_evidences(np.cumsum(wrong & uniform), np.cumsum(uniform), boundary, claim)
    else:
        logs = mean_evidence(np.where(uniform, losses, boundary), boundary, claim, 0.0, 1.0)
    if section.doubtful_audits > 1 or not uniform.all():
        weights, rarest = _weights(audits)
        return _mixed(logs, weighted_evidence(losses, weights, rarest, boundary, claim), PART_OF_WEIGHTS)
    known = np.array([one.expected is not None and one.confidence is not None for one in audits], dtype=bool)
    if not of_documents or not known.any():
        return logs
    steps = np.zeros(len(audits))
    found = _with_predictions([one for one, has in zip(audits, known, strict=True) if has], boundary, claim)
    steps[known] = np.diff(found, prepend=0.0)
    return _mixed(logs, np.cumsum(steps), PART_OF_PREDICTIONS)


def last_log(audits: Sequence[Audit], boundary: float, claim: Claim, section: RolloutSection) -> float:
    """Return the log evidence after the last audit, 0 before the first."""
    return float(audit_logs(audits, boundary, claim, section)[-1]) if audits else 0.0


def change_logs(audits: Sequence[Audit], boundary: float) -> Floats:
    """Return the log evidence after each uniform audit that too much is wrong since some time."""
    if not _of_documents(audits):
        return change_evidence(_losses(audits, boundary), boundary)
    detector, found = ChangeDetector(boundary), []
    for one in audits:
        detector.add([one.wrong])
        found.append(detector.log_sum)
    return np.array(found, dtype=float)


def lost_and_counted(audits: Sequence[Audit]) -> tuple[Floats, Floats]:
    """Return what is wrong in each audit, and what its loss counts."""
    lost = [float(one.wrong) if one.lost is None else one.lost for one in audits]
    return np.array(lost, dtype=float), np.array([one.counted for one in audits], dtype=float)


def _of_documents(audits: Sequence[Audit]) -> bool:
    return all(one.loss in OF_DOCUMENTS for one in audits)


def _losses(audits: Sequence[Audit], boundary: float) -> Floats:
    """Return a loss in [0, 1] for each audit; its mean is above the boundary where what is wrong is."""
    lost, of = lost_and_counted(audits)
    if _of_documents(audits):
        return lost
    return ratio_losses(lost, of, [one.most for one in audits], boundary)


def _weights(audits: Sequence[Audit]) -> tuple[Floats, Floats]:
    """Return the weights of audits, and the largest ones that were possible when each was drawn.

    The audits say both themselves, because the configuration may have changed since. Those of earlier
    versions do not say the second; it is the largest weight among them.
    """
    weights = np.array([one.weight for one in audits], dtype=float)
    earlier = max((one.weight for one in audits if one.rarest is None), default=1.0)
    rarest = np.array([earlier if one.rarest is None else one.rarest for one in audits], dtype=float)
    return weights, rarest


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
