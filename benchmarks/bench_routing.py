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
from pathlib import Path

import numpy as np
from bench_classical_labels import fitted, read
from claims import Claims, parser
from routing_draws import Answers, naive, ours, redraw, served, ucci
from routing_gains import Questions, questions, state
from routing_projects import invoices, oamine, specifications

from insource.foundation.rng import generator
from insource.models.fitted.labels import NGRAMS
from insource.routing.cascade import decide, fit_bound
from insource.routing.gain import fit_gain
from insource.routing.losses import Counted, judged
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


def clinc(claims: Claims, folder: Path, quick: bool, draws: int) -> None:
    """The label arm at 5 % error: drawn again from validation and test, and by the split as it is."""
    rows = {split: read(folder / f"{split}.jsonl") for split in ("train", "validation", "test")}
    train = rows["train"][::7] if quick else rows["train"]
    model = fitted([(row["input"], row["output"]) for row in train], (NGRAMS,), "oos")
    found = {}
    for split in ("validation", "test"):
        answers = [model.answer(row["input"]) for row in rows[split]]
        wrong = [a.text != row["output"] for a, row in zip(answers, rows[split], strict=True)]
        sure = np.array([a.confidence for a in answers], dtype=float)
        found[split] = Answers(sure, np.array(wrong, dtype=float), np.ones(len(sure)))
    both = Answers(*(np.concatenate(parts) for parts in list(zip(*found.values(), strict=True))[:3]))
    claims.add("CLINC150 · label arm · wrong where all is served", float(both.wrong.mean()), "ratio")
    redraw(claims, "CLINC150", both, 1500, 0.05, draws)
    inside = {
        split: one.part(np.array([row["output"] != "oos" for row in rows[split]]))
        for split, one in found.items()
    }
    for name, parts in (("in scope", inside), ("with 18 % out of scope in test, 3 % before", found)):
        for way, fit in (("ours", ours), ("naive threshold", naive)):
            share, wrong_share = served(parts["test"], fit(parts["validation"], 0.05))
            at = f"CLINC150, its split, {name} · {way}"
            held = 0.05 if way == "ours" and name == "in scope" else None
            claims.add(f"{at} · served here", share, "ratio")
            claims.add(f"{at} · wrong of that", wrong_share, "ratio", at_most=held)


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
