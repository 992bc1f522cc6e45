"""The answers to anchors, put in rounds, and what each round tells."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from insource.stats.late_change import late_change_evidence, late_factors
from insource.types.deployment import AnchorCheck


def rounds_of(checks: Iterable[AnchorCheck]) -> tuple[tuple[AnchorCheck, ...], ...]:
    """Return the checks of one side in rounds: a round ends when an anchor of it comes again."""
    rounds: list[list[AnchorCheck]] = []
    seen: set[str] = set()
    for check in checks:
        if not rounds or check.anchor_id in seen:
            rounds.append([])
            seen = set()
        rounds[-1].append(check)
        seen.add(check.anchor_id)
    return tuple(tuple(one) for one in rounds)


def evidence_by_round(rounds: Sequence[Sequence[AnchorCheck]]) -> list[float]:
    """Return for each round the log evidence that the answers of its anchors changed lately.

    It is the mean of two: that an anchor's answers differ more often from its first one, and that they are
    wrong more often by the person's label.
    """
    checks = [check for one in rounds for check in one]
    differs = _by_round(rounds, [check.same is False for check in checks], skip=1)
    wrong = _by_round(rounds, [not check.right for check in checks], skip=0)
    return [float(np.logaddexp(*pair)) - math.log(2) for pair in zip(differs, wrong, strict=True)]


def _by_round(rounds: Sequence[Sequence[AnchorCheck]], marks: Sequence[bool], skip: int) -> list[float]:
    """Return the evidence of each round in these marks, one a check, an anchor's first ``skip`` left out."""
    series: dict[str, list[bool]] = {}
    places: list[list[tuple[str, int]]] = []
    remaining = iter(marks)
    asked: Counter[str] = Counter()
    for one in rounds:
        places.append([])
        for check in one:
            mark = next(remaining)
            asked[check.anchor_id] += 1
            if asked[check.anchor_id] > skip:
                found = series.setdefault(check.anchor_id, [])
                places[-1].append((check.anchor_id, len(found)))
                found.append(mark)
    factors = late_factors(list(series.values()))
    starts = dict(zip(series, np.cumsum([0, *map(len, series.values())]).tolist(), strict=False))
    rows = [[starts[name] + index for name, index in one] for one in places]
    return [late_change_evidence(factors[one]) if one else 0.0 for one in rows]
