"""Measure a classification label by label: precision, recall, F1, the confusion matrix, out of scope."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from insource.evaluation.estimators import Units, mean_of_ratios, ratio
from insource.types import ClassMetrics, Estimate, SlotScore

NO_LABEL = "(no label)"
"""The name under which unusable answers stand in the confusion matrix."""

Pair = tuple[str, str | None]


def pairs_of(slots: Sequence[SlotScore]) -> list[Pair]:
    """Return label and answer of each document; an abstention, like an unusable answer, gave no label."""
    return [(str(one.gold), None if one.bucket == "abstained" else one.predicted) for one in slots]


def class_metrics(pairs: Sequence[Pair], units: Units) -> tuple[ClassMetrics, ...]:
    """Return precision, recall and F1 of each label that occurs on either side, the most frequent first."""
    golds, answers = (
        Counter(gold for gold, _ in pairs),
        Counter(said for _, said in pairs if said is not None),
    )
    order = sorted(golds | answers, key=lambda label: (-golds[label], label))
    gold, said = np.array([one for one, _ in pairs]), np.array([one or "" for _, one in pairs])
    found = []
    for label in order:
        has, got = (gold == label).astype(float), (said == label).astype(float)
        hits = has * got
        found.append(
            ClassMetrics(
                label=label,
                n=golds[label],
                answered=answers[label],
                precision=ratio(hits, got, units),
                recall=ratio(hits, has, units),
                f1=ratio(2 * hits, has + got, units),
            )
        )
    return tuple(found)


def macro_f1(pairs: Sequence[Pair], units: Units) -> Estimate:
    """Return the mean over labels, of either side, of 2 TP / (2 TP + FP + FN), as in scikit-learn."""
    labels = dict.fromkeys(label for pair in pairs for label in pair if label is not None)
    gold, said = np.array([one for one, _ in pairs]), np.array([one or "" for _, one in pairs])
    counts = []
    for label in labels:
        has, got = (gold == label).astype(float), (said == label).astype(float)
        counts.append((2 * has * got, has + got))
    return mean_of_ratios(counts, units)


def confusion(pairs: Sequence[Pair]) -> dict[str, dict[str, int]]:
    """Return how often each label got each answer; only what occurs."""
    counts = Counter((gold, NO_LABEL if said is None else said) for gold, said in pairs)
    table: dict[str, dict[str, int]] = {}
    for (gold, said), count in sorted(counts.items()):
        table.setdefault(gold, {})[said] = count
    return table


def out_of_scope(pairs: Sequence[Pair], label: str, units: Units) -> dict[str, Estimate]:
    """Return recall and precision of the label that stands for none of the others."""
    has = np.array([gold == label for gold, _ in pairs], dtype=float)
    got = np.array([said == label for _, said in pairs], dtype=float)
    return {
        "out_of_scope_recall": ratio(has * got, has, units),
        "out_of_scope_precision": ratio(has * got, got, units),
    }
