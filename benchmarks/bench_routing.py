"""Routing: published metrics reproduced, bounds held where a naive threshold breaks them, and what it takes.

  --routellm DATA.jsonl    3,338 MMLU questions with whether Mixtral 8x7B and GPT-4 are right (RouteLLM,
  Apache-2.0) --clinc FOLDER           CLINC150 with out-of-scope requests (Larson et al., 2019, CC BY)
  --oamine FOLDER          OA-Mine product titles (Brinkmann et al., 2023, Apache-2.0) --project FOLDER
  a finished `insource demo`: the specification case, by document and by field --invoices FOLDER        a
  finished `insource demo --invoices`: known layouts and the peer's six new ones --ucci FOLDER
  where `pip install --target FOLDER ucci-router` put UCCI (arXiv 2605.18796, MIT)

Data that is not given is not measured. --quick takes a third of the questions, every seventh row of CLINC150
to train on, a quarter of OA-Mine, and 50 draws instead of 500.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from bench_classical_labels import Read, fitted, read
from claims import Claims, parser
from routing_draws import Answers, naive, ours, redraw, served, ucci
from routing_gains import Questions, questions, state
from routing_projects import invoices, oamine, specifications
from sklearn.linear_model import LogisticRegression

from insource.foundation.rng import generator
from insource.models.fitted.labels import NGRAMS, LabelModel
from insource.routing.bounds.losses import Counted, judged
from insource.routing.cascade import decide, fit_bound
from insource.routing.gain import fit_gain
from insource.types.routing import Loss

RECORDS = 10_000


def speed(claims: Claims) -> None:
    """What a policy of 10,000 records takes to fit, with its frontier, and one decision."""
    random = generator(20261128, "routing.speed")
    sure = random.random(RECORDS)
    losses: tuple[tuple[Loss, int], ...] = (("documents", 1), ("fields", 12), ("weighted", 40))
    for loss, most in losses:
        wrong = random.binomial(most, 0.3 * (1 - sure) ** 2)
        found = [
            Counted(float(s), float(w), most, f"g{i % 400}")
            for i, (s, w) in enumerate(zip(sure, wrong, strict=True))
        ]
        for unit in ("documents", "groups"):
            started = time.perf_counter()
            known = judged(loss, found, most, "groups" if unit == "groups" else "documents")
            policy = fit_bound(known, n=RECORDS, max_error=0.1, delta=0.05, on_infeasible="cloud")
            seconds = time.perf_counter() - started
            claims.add(f"fit, 10,000 records, {loss}, {unit} as units", seconds, "s", at_most=10)
            if unit == "documents" and loss == "documents":
                served_by = policy
    hopeless = judged("fields", [Counted(float(s), 6, 12) for s in sure], 12)
    started = time.perf_counter()
    fit_bound(hopeless, n=RECORDS, max_error=0.02, delta=0.05, on_infeasible="cloud")
    claims.add("fit, 10,000 records, infeasible", time.perf_counter() - started, "s", at_most=10)
    started = time.perf_counter()
    for one in sure:
        decide(served_by, float(one))
    claims.add(
        "one decision of the cascade", (time.perf_counter() - started) / RECORDS * 1e3, "ms", at_most=0.2
    )


def routellm(claims: Claims, asked: Questions, path: Path, quick: bool, draws: int) -> None:
    state(claims, asked, quick)
    rows = read(path)[:1000]
    texts = [row["input"] for row in rows]
    outcomes = ([row["correct"][side] for row in rows] for side in ("weak", "strong"))
    model = fit_gain(texts, *outcomes)
    started = time.process_time()
    for text in texts:
        model.gain(text)
    spent = (time.process_time() - started) / len(texts) * 1e3
    mean = np.mean([len(text) for text in texts])
    claims.add(f"expected gain of one question of {mean:.0f} characters, CPU", spent, "ms", at_most=0.2)
    ones = np.ones(len(asked.weak))
    pool = Answers(asked.p_weak, 1.0 - asked.weak, ones)
    redraw(claims, "RouteLLM MMLU, the weak model's answers", pool, min(1500, len(ones) // 2), 0.2, draws)


class Labelled(NamedTuple):
    """Answers of the label arm: its own confidence, what is wrong, and what was said and is out of scope."""

    sure: np.ndarray
    wrong: np.ndarray
    said_outside: np.ndarray
    outside: np.ndarray

    def part(self, rows: np.ndarray) -> Labelled:
        return Labelled(*(values[rows] for values in self))

    def answers(self, confidence: np.ndarray) -> Answers:
        return Answers(confidence, self.wrong.astype(float), np.ones(len(self.wrong)))


def recalibrated(known: Labelled) -> Callable[[Labelled], Answers]:
    """A confidence that knows how far "out of scope" is to be believed; ``known`` certify nothing.

    The arm's own confidence of that answer comes from its training rows, of which few are out of scope.
    """

    def features(one: Labelled) -> np.ndarray:
        sure = np.clip(one.sure, 1e-6, 1 - 1e-6)
        logit = np.log(sure / (1 - sure))
        return np.stack([logit, one.said_outside, logit * one.said_outside], axis=1)

    model = LogisticRegression(max_iter=1000).fit(features(known), ~known.wrong)
    return lambda one: one.answers(model.predict_proba(features(one))[:, 1])


def clinc(claims: Claims, folder: Path, quick: bool, draws: int) -> None:
    """The label arm at 5 % error: drawn again and again, and by the split as it is."""
    rows = {split: read(folder / f"{split}.jsonl") for split in ("train", "validation", "test")}
    train = rows["train"][::7] if quick else rows["train"]
    model = fitted([(row["input"], row["output"]) for row in train], (NGRAMS,), "oos")
    found = {split: labelled(model, rows[split]) for split in ("validation", "test")}
    both = Labelled(*(np.concatenate(parts) for parts in zip(*found.values(), strict=True)))
    claims.add("CLINC150 · label arm · wrong where all is served", float(both.wrong.mean()), "ratio")
    first = generator(20261128, "clinc.parts").permutation(len(both.wrong)) < 1000
    redraw(claims, "CLINC150, the arm's confidence", both.answers(both.sure), 1500, 0.05, draws)
    pool = recalibrated(both.part(first))(both.part(~first))
    redraw(claims, "CLINC150, confidence fitted to 1,000 others", pool, 1500, 0.05, draws)
    for name, inside in (("in scope", True), ("18 % out of scope in test, 3 % before", False)):
        parts = {split: one.part(~one.outside | (not inside)) for split, one in found.items()}
        half = np.arange(len(parts["validation"].wrong)) % 2 == 0
        confident = recalibrated(parts["validation"].part(half))
        certify, test = confident(parts["validation"].part(~half)), confident(parts["test"])
        for way, fit in (("ours", ours), ("naive threshold", naive)):
            share, wrong = served(test, fit(certify, 0.05))
            claims.add(f"CLINC150, its split, {name} · {way} · served here", share, "ratio")
            held = 0.05 if way == "ours" and inside else None
            claims.add(f"CLINC150, its split, {name} · {way} · wrong of that", wrong, "ratio", at_most=held)
    claims.add("CLINC150, published: a naive threshold for 5 %, zero-shot model · wrong", 0.0665, "ratio")


def labelled(model: LabelModel, rows: Read) -> Labelled:
    answers = [model.answer(row["input"]) for row in rows]
    return Labelled(
        np.array([answer.confidence for answer in answers], dtype=float),
        np.array([answer.text != row["output"] for answer, row in zip(answers, rows, strict=True)]),
        np.array([answer.text == "oos" for answer in answers]),
        np.array([row["output"] == "oos" for row in rows]),
    )


def main() -> None:
    arguments = parser(__doc__)
    for name in ("routellm", "clinc", "oamine", "project", "invoices", "ucci"):
        arguments.add_argument(f"--{name}", type=Path, metavar="PATH")
    options = arguments.parse_args()
    claims, draws = Claims(), 50 if options.quick else 500
    speed(claims)
    if options.routellm:
        asked = questions(options.routellm, options.quick)
        routellm(claims, asked, options.routellm, options.quick, draws)
        if options.ucci:
            ucci(claims, options.ucci, asked.p_weak, asked.weak, asked.strong, (0.74, 0.77), draws)
    if options.clinc:
        clinc(claims, options.clinc, options.quick, draws)
    if options.project:
        specifications(claims, options.project, draws)
    if options.invoices:
        invoices(claims, options.invoices)
    if options.oamine:
        oamine(claims, options.oamine, options.quick, draws)
    claims.write(options.json)


if __name__ == "__main__":
    main()
