"""Route MMLU questions between two recorded models before either answers, and measure it as RouteLLM does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from claims import Claims

from insource.foundation.rng import generator
from insource.routing.gain import fit_gain

FOLDS = 5
# Ong et al. 2024 (arXiv 2406.18665), table for MMLU: the best router, trained on other data and some labels.
PUBLISHED = {"APGR": 0.603, "CPT(50)": 0.354, "CPT(80)": 0.703}


class Questions(NamedTuple):
    """Questions with whether the weak and the strong model are right, and the held-out probabilities of
    both."""

    weak: np.ndarray
    strong: np.ndarray
    p_weak: np.ndarray
    p_strong: np.ndarray


def questions(path: Path, quick: bool) -> Questions:
    """Read the table, and predict each question by models fitted to the four other folds."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows = rows[::3] if quick else rows
    texts = [row["input"] for row in rows]
    weak, strong = (np.array([row["correct"][side] for row in rows]) for side in ("weak", "strong"))
    fold = generator(20261128, "routellm.folds").permutation(len(rows)) % FOLDS
    found = np.zeros((len(rows), 2))
    for held_out in range(FOLDS):
        train, test = np.flatnonzero(fold != held_out), np.flatnonzero(fold == held_out)
        model = fit_gain([texts[i] for i in train], weak[train], strong[train])
        found[test] = [model.probabilities(texts[i]) for i in test]
    return Questions(weak, strong, found[:, 0], found[:, 1])


def curve(asked: Questions, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Accuracy by the share sent to the strong model, the highest scores first."""
    order = np.argsort(-score, kind="stable")
    more = asked.strong[order].astype(float) - asked.weak[order]
    accuracy = (asked.weak.sum() + np.concatenate([[0], np.cumsum(more)])) / len(score)
    return np.arange(len(score) + 1) / len(score), accuracy


def routed(asked: Questions, score: np.ndarray) -> dict[str, float]:
    """APGR and CPT by the definitions of RouteLLM: the mean of the gap that is recovered over all shares, and
    the share of strong calls that recovers 50 % or 80 % of it."""
    share, accuracy = curve(asked, score)
    low, high = accuracy[0], accuracy[-1]
    recovered = (accuracy - low) / (high - low)
    mean = float(((recovered[1:] + recovered[:-1]) / 2 * np.diff(share)).sum())
    calls = {f"CPT({q})": float(share[np.argmax(recovered >= q / 100)]) for q in (50, 80)}
    return {"APGR": mean, **calls}


def state(claims: Claims, asked: Questions, quick: bool) -> None:
    """The metrics of chance, of looking for failures, and of expected gain; the published ones beside."""
    claims.add("RouteLLM MMLU · weak model right", float(asked.weak.mean()), "ratio")
    claims.add("RouteLLM MMLU · strong model right", float(asked.strong.mean()), "ratio")
    random = generator(20261128, "routellm.chance")
    chance = [routed(asked, random.random(len(asked.weak))) for _ in range(50)]
    ways = {
        "chance, mean of 50": {key: float(np.mean([one[key] for one in chance])) for key in PUBLISHED},
        "P(weak wrong)": routed(asked, -asked.p_weak),
        "expected gain": routed(asked, asked.p_strong - asked.p_weak),
        "best published router": PUBLISHED,
    }
    for way, figures in ways.items():
        for name, value in figures.items():
            better = way == "expected gain" and not quick
            least = PUBLISHED["APGR"] if better and name == "APGR" else None
            most = PUBLISHED[name] if better and name != "APGR" else None
            claims.add(f"RouteLLM MMLU · {way} · {name}", value, "ratio", at_least=least, at_most=most)
