"""Streams of audits with a known error rate, and what tests that are looked at all the time say of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from insource.stats.bounded_mean import Deviations, predicted_evidence
from insource.stats.e_process import log_evidences
from insource.stats.intervals import clopper_pearson

SLO, MARGIN, ALPHA, MOST = 0.05, 0.03, 0.01, 4000
NEEDED = float(np.log(1 / ALPHA))


class Decided(NamedTuple):
    """The share of streams with a decision, and the audits it took: median and 90th percentile."""

    count: int
    of: int
    median: float
    p90: float

    @property
    def share(self):
        return self.count / self.of

    @property
    def least(self):
        """The lower Clopper–Pearson limit of the share."""
        return clopper_pearson(self.count, self.of).low

    def __str__(self):
        low, high = clopper_pearson(self.count, self.of)
        times = "" if not self.count else f", {self.median:.0f} / {self.p90:.0f} audits"
        return f"{self.share:.1%} [{low:.1%}, {high:.1%}]{times}"


def first(crossed):
    """Return the first True of each stream (one a row), -1 without any."""
    return np.where(crossed.any(axis=1), crossed.argmax(axis=1), -1)


def decided(when):
    """Return how often and when streams decided; ``when`` has -1 where they did not."""
    at = when[when >= 0] + 1
    middle, late = np.quantile(at, [0.5, 0.9]) if len(at) else (np.nan, np.nan)
    return Decided(len(at), len(when), float(middle), float(late))


def rollout(rate, runs, random):
    """Return what harm and safety decide, whichever is first, for audits of one error rate."""
    wrong = random.random((runs, MOST)) < rate
    k, n = wrong.cumsum(axis=1), np.arange(1, MOST + 1)
    harm = first(log_evidences(k, n, SLO, "above") >= NEEDED)
    safe = first(log_evidences(k, n, SLO + MARGIN, "below") >= NEEDED)
    harmed = (harm >= 0) & ((safe < 0) | (harm < safe))
    promoted = (safe >= 0) & ~harmed
    return decided(np.where(harmed, harm, -1)), decided(np.where(promoted, safe, -1))


def naive_rollback(rate, runs, random):
    """Return how often a z-test at the same level rolls back, looked at every 20 audits from 50 on."""
    wrong = random.random((runs, MOST)) < rate
    looks = np.arange(50, MOST + 1, 20)
    k = wrong.cumsum(axis=1)[:, looks - 1]
    z = (k / looks - SLO) / np.sqrt(SLO * (1 - SLO) / looks)
    return decided(first(z > 2.3263))


def deviations_of(predicted, audited):
    """Return what the audits of one stream of calls know of all its predictions."""
    before = np.concatenate(([predicted[0]], np.cumsum(predicted)[:-1] / np.arange(1, len(predicted))))
    off, at = predicted - before, np.flatnonzero(audited)
    starts = np.concatenate(([0], at[:-1] + 1))
    sums, squares = (
        np.array([one[start : end + 1].sum() for start, end in zip(starts, at, strict=False)])
        for one in (off, off**2)
    )
    return Deviations(predicted[at], before[at], sums, squares)


def with_predictions(predicted, audited, wrong, probability, boundary, claim, most):
    """Return when evidence with predictions first suffices, in audits; one stream a row."""
    when = []
    for f, drawn, lost in zip(predicted, audited, wrong, strict=True):
        known = deviations_of(f, drawn)
        crossed = predicted_evidence(lost[drawn], known, probability, boundary, claim, most) >= NEEDED
        when.append(int(crossed.argmax()) if crossed.any() else -1)
    return decided(np.array(when))


def ever(evidence, needed=NEEDED):
    """Return when evidence (one stream a row) first suffices."""
    return decided(first(evidence >= needed))
