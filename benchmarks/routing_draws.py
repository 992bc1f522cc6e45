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


def redraw(
    claims: Claims, name: str, pool: Answers, n: int, bound: float, draws: int, *, judged: bool = True
) -> None:
    """State coverage and broken promises of both ways: ``n`` documents calibrate, all others test.

    A promise is broken when more than the bound is wrong among what is served of the others. That is the risk
    with the noise of a finite test; the claim is about the lower limit of the share of draws.
    """
    random = generator(20261128, f"routing.{name}.{bound}")
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for _ in range(draws):
        order = random.permutation(len(pool.confidence))
        known, rest = pool.part(order[:n]), pool.part(order[n:])
        for way, fit in WAYS.items():
            found[way].append(served(rest, fit(known, bound)))
    at = f"{name}, {bound:.0%} wrong, n = {n:,}"
    for way, each in found.items():
        broken = sum(risk > bound for _, risk in each)
        claims.add(f"{at} · {way} · served here", float(np.mean([share for share, _ in each])), "ratio")
        claims.add(f"{at} · {way} · wrong of that", float(np.mean([risk for _, risk in each])), "ratio")
        limit = DELTA if way == "ours" and judged else None
        claims.add(f"{at} · {way} · draws above the bound", broken / draws, "ratio")
        claims.add(
            f"{at} · {way} · the same, lower limit",
            clopper_pearson(broken, draws).low,
            "ratio",
            at_most=limit,
        )


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
