"""Evidence about an error rate that may change after a long time, looked at after every observation.

``e_process`` weighs all observations together: after thousands of good ones, a model that breaks today stays
unnoticed until its errors outweigh them all. Here a further test starts after every ``EVERY`` observations,
and the evidence is their weighted sum with weights that sum to 1; so it obeys the same bound. Detecting a
change costs the logarithm of the weight of the test that started nearest to it. Source: the mixture over
starting times of Shin, Ramdas and Rinaldo 2024, "E-detectors" (arXiv 2203.03532), with weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from insource.stats.e_process import Claim, log_evidences

EVERY = 50
"""Observations between two starts."""


def restarted_log_evidence(wrong: Sequence[bool], boundary: float, claim: Claim) -> float:
    """Return the log evidence that the rate is, or since some time has been, beyond the boundary.

    ``wrong`` has the observations in their order. The chance that the evidence ever reaches 1/alpha is at
    most alpha while the hypothesis of ``claim`` holds, as for ``e_process.log_evidence``.

    Raises:
        ValueError: the boundary is outside (0, 1).
    """
    if not 0 < boundary < 1:
        raise ValueError(f"boundary must be inside (0, 1), got {boundary}")
    n, total = len(wrong), int(np.sum(wrong))
    starts = np.arange(0, n, EVERY)
    before = np.concatenate(([0], np.cumsum(np.asarray(wrong, dtype=int))))[starts]
    logs = log_evidences(total - before, n - starts, boundary, claim)
    order = np.arange(len(starts))
    weighted = np.append(logs - np.log((order + 1) * (order + 2)), -np.log(len(starts) + 1.0))
    return float(np.logaddexp.reduce(weighted))
