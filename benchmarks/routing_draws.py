"""Draw calibration sets again and again from real answers, and see how often each threshold breaks its
promise."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from claims import Claims

from insource.foundation.rng import generator
from insource.stats.intervals import clopper_pearson
from insource.stats.learn_then_test import ltt_ratio_threshold, ltt_threshold

DELTA = 0.05


class Answers(NamedTuple):
    """Real answers: confidence, what is wrong of what is counted in each, and the most a document can
    hold."""

    confidence: np.ndarray
    wrong: np.ndarray
    counted: np.ndarray
    most: float = 1

    def part(self, rows: np.ndarray) -> Answers:
        return Answers(self.confidence[rows], self.wrong[rows], self.counted[rows], self.most)


Way = Callable[[Answers, float], float | None]


def ours(known: Answers, bound: float) -> float | None:
    if known.most == 1:
        return ltt_threshold(known.confidence, known.wrong == 0, bound, DELTA)
    return ltt_ratio_threshold(known.confidence, known.wrong, known.counted, known.most, bound, DELTA)


def naive(known: Answers, bound: float) -> float | None:
    """The lowest threshold at which the share that is seen to be wrong is within the bound."""
    order = np.argsort(-known.confidence, kind="stable")
    within = np.flatnonzero(np.cumsum(known.wrong[order]) <= bound * np.cumsum(known.counted[order]))
    return float(known.confidence[order[within[-1]]]) if len(within) else None


WAYS: dict[str, Way] = {"ours": ours, "naive threshold": naive}


def served(known: Answers, threshold: float | None) -> tuple[float, float]:
    """The share of documents at or above a threshold, and what is wrong of what is counted in them."""
    if threshold is None:
        return 0.0, 0.0
    here = known.confidence >= threshold
    of = known.counted[here].sum()
    return float(here.mean()), float(known.wrong[here].sum() / of) if of else 0.0


def redraw(claims: Claims, name: str, pool: Answers, n: int, bound: float, draws: int) -> None:
    """State coverage and broken promises of both ways, where the answers of the pool are the population.

    Each draw takes ``n`` of them with replacement to calibrate on. The risk of a threshold is then exact:
    what is wrong of all answers of the pool that it serves. (What is left over of the pool is no population:
    where the calibration documents are luckier than all, the others are unluckier.)
    """
    random = generator(20261128, f"routing.{name}.{bound}")
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for _ in range(draws):
        known = pool.part(random.integers(0, len(pool.confidence), n))
        for way, fit in WAYS.items():
            found[way].append(served(pool, fit(known, bound)))
    at = f"{name}, {bound:.0%} wrong, n = {n:,}"
    for way, each in found.items():
        broken = sum(risk > bound for _, risk in each)
        claims.add(f"{at} · {way} · served here", float(np.mean([share for share, _ in each])), "ratio")
        claims.add(f"{at} · {way} · wrong of that", float(np.mean([risk for _, risk in each])), "ratio")
        claims.add(f"{at} · {way} · broken promises", broken / draws, "ratio")
        limit, least = DELTA if way == "ours" else None, clopper_pearson(broken, draws).low
        claims.add(f"{at} · {way} · the same, lower limit", least, "ratio", at_most=limit)


def ucci(
    claims: Claims,
    folder: Path,
    confidence: np.ndarray,
    small: np.ndarray,
    large: np.ndarray,
    targets: Sequence[float],
    draws: int,
) -> None:
    """UCCI's own router by its own protocol: 30 % calibrate, 20 % choose, 50 % test; the target is
    accuracy."""
    sys.path.insert(0, str(folder))
    from ucci import InfeasibleTargetError, UCCIRouter  # type: ignore[import-not-found]

    scores = small.astype(float), large.astype(float)
    for target in targets:
        random = generator(20261128, f"ucci.{target}")
        missed = infeasible = 0
        sent = []
        for _ in range(draws):
            order = random.permutation(len(small))
            cal, val, test = np.split(order, [round(0.3 * len(order)), round(0.5 * len(order))])
            router = UCCIRouter()
            router.calibrate(1 - confidence[cal], 1 - scores[0][cal])
            try:
                router.choose_threshold(1 - confidence[val], *(score[val] for score in scores), tau=target)
            except InfeasibleTargetError:
                infeasible += 1
                continue
            result = router.evaluate(1 - confidence[test], *(score[test] for score in scores))
            missed += result.accuracy < target
            sent.append(result.escalation_rate)
        at = f"UCCI's router, accuracy {target:.2f}"
        claims.add(f"{at} · sent to the strong model", float(np.mean(sent)) if sent else None, "ratio")
        claims.add(f"{at} · draws that it calls infeasible", infeasible / draws, "ratio")
        claims.add(f"{at} · of the others, below the target", missed / len(sent) if sent else None, "ratio")
