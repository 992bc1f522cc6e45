"""What is known about the quality of served answers: an estimate without labels, and audits with them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from insource.config.rollout import RolloutSection
from insource.lifecycle.audit_evidence import OF_DOCUMENTS, lost_and_counted
from insource.lifecycle.rollout import COUNTED, Evidence, evidence_of, harmful
from insource.stats.intervals import Interval, clopper_pearson, cluster_mean_t, cluster_ratio_t
from insource.types import Estimate
from insource.types.deployment import Audit
from insource.types.monitoring import AuditedAgreement, Quality

METHOD = "mean calibrated confidence of the answers served here (t interval by block of calls)"


def quality(
    confidences: Sequence[float],
    fields: Sequence[Sequence[float]],
    blocks: Sequence[int],
    *,
    promised: float,
    of_fields: bool,
    calibrated: bool,
    alpha: float,
) -> Quality:
    """Estimate the share of right answers among those served here, without labels.

    The estimate is the mean calibrated confidence (CBPE: NannyML's "confidence-based performance
    estimation"). It is right under another mix of inputs (covariate shift) as far as the confidences are
    calibrated there, and wrong where the right answer to an input has changed (concept drift). The interval
    has the chance of the documents alone, one-sided at ``alpha``: calls of one block are alike, so whole
    blocks are its units, as in the tests of drift.

    Args:
        confidences: one value for each document served here.
        fields: the confidences of its fields, for the share of right fields.
        blocks: the block of each document (``drift.permutation.blocks_of``).
        promised: the largest share of wrong answers that the policy promises.
        of_fields: count fields, as the policy's loss does.
        calibrated: whether a confidence is a probability. Otherwise the estimate is an index.
    """
    sums = np.array([sum(one) for one in fields], dtype=np.float64)
    counts = np.array([len(one) for one in fields], dtype=np.float64)
    by_field = of_fields and counts.sum() > 0
    known = np.asarray(confidences, dtype=np.float64)
    n = int((counts > 0).sum()) if by_field else len(known)
    value: float | None = None
    ends: Interval | None = None
    if n:
        value = float(sums.sum() / counts.sum()) if by_field else float(known.mean())
        level = 1 - 2 * alpha
        ends = (
            cluster_ratio_t(sums, counts, blocks, level) if by_field else cluster_mean_t(known, blocks, level)
        )
    return Quality(
        estimate=Estimate(
            value=value,
            low=None if ends is None else max(0.0, ends.low),
            high=None if ends is None else min(1.0, ends.high),
            confidence=1 - 2 * alpha,
            n=n,
            method=METHOD,
            note="" if calibrated else "The confidences are no probabilities: read this as an index.",
        ),
        target=1 - promised,
        calibrated=calibrated,
        counts="fields" if by_field else "documents",
        alpha=alpha,
    )


def audited(audits: Sequence[Audit], slo: float, section: RolloutSection) -> AuditedAgreement:
    """Return the share of wrong answers among the audited ones that were served here.

    What enters, and when it is too much, is what the rollout says of a champion: the same evidence rolls it
    back. It may be read after every audit; the interval is exact at one look.
    """
    evidence = evidence_of(audits, slo, section, step=0)
    return AuditedAgreement(
        wrong=_wrong(evidence, audits),
        bound=slo,
        log_evidence=evidence.log_change if math.isfinite(evidence.log_change) else None,
        above=harmful(evidence, section, in_canary=False),
    )


def _wrong(evidence: Evidence, audits: Sequence[Audit]) -> Estimate:
    """Return the share that is wrong of what the policy counts: of the answers, or as a ratio of two sums."""
    n, counts = evidence.harm_n, COUNTED.get(evidence.loss, "answers")
    if evidence.loss in OF_DOCUMENTS:
        value, method = evidence.harm_wrong / n if n else None, "Clopper-Pearson"
        ends = clopper_pearson(evidence.harm_wrong, n) if n else None
    else:
        value, method = evidence.harm_share, "t interval of a ratio by document"
        lost, of = lost_and_counted(
            [one for one in audits if one.served and one.uniform and one.source != "shadow"]
        )
        ends = cluster_ratio_t(lost, of, None, 0.95) if n > 1 else None
    return Estimate(
        value=value,
        low=None if ends is None else max(0.0, ends.low),
        high=None if ends is None else min(1.0, ends.high),
        n=n,
        method=f"{counts} that differ from the cloud's, of those audited ({method})",
    )
