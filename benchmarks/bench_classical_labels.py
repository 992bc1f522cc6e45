"""The classical label arms and the tagger: quality on public data, and time.

  --snips DATA.jsonl       SNIPS voice commands, 2,100 + 700 (Coucke et al., 2018, CC0)
  --clinc FOLDER           CLINC150 with out-of-scope requests, 15,100 + 5,500 (Larson et al., 2019, CC BY)
  --cfpb DATA.jsonl        CFPB complaints with fourteen clouds' answers, cut into 600 + 400 five times
                           (Roumeliotis et al., 2025, MIT)
  --spam DATA.jsonl        an OpenAI fine-tuning file of spam, 891 rows, cut into 600 + 291 five times

Data that is not given is not measured. The 10,000 rows with 77 labels that give the time are generated.
Banking77 and the SMS spam collection were not at hand; nothing stands in for them. --quick takes every
seventh row of CLINC150, generates 2,000 rows, and cuts once. CPU times are those of all threads.
"""

from __future__ import annotations

import json
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from claims import Claims, parser

from insource.arms.classical.label_fit import LabelRows, fit_labels
from insource.arms.classical.tagger_fit import fit_crf
from insource.foundation.rng import generator
from insource.models.embeddings import minilm
from insource.models.fitted.labels import EMBEDDING, NGRAMS, LabelModel
from insource.models.fitted.protocol import Answer
from insource.types import Example

Pairs = Sequence[tuple[str, str]]
Read = list[dict[str, Any]]
KINDS = {"n-grams": (NGRAMS,), "embeddings": (EMBEDDING,), "both": (NGRAMS, EMBEDDING)}


def read(path: Path) -> Read:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def fitted(pairs: Pairs, kinds: Sequence[str], out_of_scope: str | None = None) -> LabelModel:
    texts, labels = zip(*pairs, strict=True)
    return fit_labels(LabelRows(texts, labels, texts), kinds, out_of_scope).model


def share(answers: Sequence[Answer], pairs: Pairs) -> float:
    return float(np.mean([answer.text == label for answer, (_, label) in zip(answers, pairs, strict=True)]))


def calibration_error(answers: Sequence[Answer], pairs: Pairs) -> float:
    """The expected calibration error over ten bins of equal width (Guo et al., 2017)."""
    right = np.array([answer.text == label for answer, (_, label) in zip(answers, pairs, strict=True)])
    stated = np.array([answer.confidence for answer in answers], dtype=float)
    bins = np.minimum((stated * 10).astype(int), 9)
    return float(
        sum(
            abs(right[bins == b].mean() - stated[bins == b].mean()) * (bins == b).mean()
            for b in set(bins.tolist())
        )
    )


def available() -> dict[str, Sequence[str]]:
    """The representations that can be measured here."""
    reason = minilm.unavailable()
    if reason:
        print(f"embeddings not measured: {reason}")
    return {name: kinds for name, kinds in KINDS.items() if not reason or EMBEDDING not in kinds}


def state(claims: Claims, name: str, train: Pairs, test: Pairs, targets: dict[str, float]) -> None:
    for kind, kinds in available().items():
        model = fitted(train, kinds)
        answers = [model.answer(text) for text, _ in test]
        claims.add(f"{name} · {kind} · accuracy", share(answers, test), "ratio", at_least=targets.get(kind))
        claims.add(f"{name} · {kind} · calibration error", calibration_error(answers, test), "ratio")


def cuts(pairs: Pairs, train: int, quick: bool) -> Iterator[tuple[list[Any], list[Any]]]:
    for seed in range(1 if quick else 5):
        order = generator(seed, "bench.cut").permutation(len(pairs))
        yield [pairs[at] for at in order[:train]], [pairs[at] for at in order[train:]]


def state_cuts(claims: Claims, name: str, pairs: Pairs, train: int, quick: bool) -> None:
    for kind, kinds in available().items():
        found = []
        for rows, test in cuts(pairs, train, quick):
            model = fitted(rows, kinds)
            found.append(share([model.answer(text) for text, _ in test], test))
        claims.add(f"{name} · {kind} · accuracy, mean of {len(found)} cuts", float(np.mean(found)), "ratio")
        claims.add(f"{name} · {kind} · accuracy, least of the cuts", min(found), "ratio")


def snips(claims: Claims, path: Path) -> None:
    rows = read(path)
    intents = [(row["input"], json.loads(row["output"])["intent"], row["split"]) for row in rows]
    train, test = ([(text, label) for text, label, at in intents if at == s] for s in ("train", "test"))
    state(claims, "SNIPS intent", train, test, {"n-grams": 0.99, "both": 0.99})
    tagger(
        claims,
        [row for row in rows if row["split"] == "train"],
        [row for row in rows if row["split"] == "test"],
    )


def tagger(claims: Claims, train: Read, test: Read) -> None:
    def example(row: dict[str, Any]) -> Example:
        return Example(
            row_id=row["id"],
            digest=row["input"],
            input=row["input"],
            target=row["output"],
            provenance={"source": "snips"},
        )

    rows = [example(row) for row in train]
    wall, processor, fit = timed(lambda: fit_crf(rows, order=lambda path: path, right=same))
    claims.add("SNIPS · tagger · fit", wall, "s")
    claims.add("SNIPS · tagger · fit, CPU", processor, "s")
    _, used, found = timed(lambda: [fit.model.answer(row["input"]) for row in test])
    claims.add("SNIPS · tagger · processor time a text", used / len(test) * 1e3, "ms", at_most=15)
    answers = [json.loads(answer.text) for answer in found]
    gold = [json.loads(row["output"]) for row in test]
    both = sum(len(slots(a) & slots(g)) for a, g in zip(answers, gold, strict=True))
    claims.add(
        "SNIPS slots · tagger · F1",
        2 * both / sum(len(slots(x)) for x in answers + gold),
        "ratio",
        at_least=0.84,
    )
    exact = np.mean([a == g for a, g in zip(answers, gold, strict=True)])
    claims.add("SNIPS · tagger · exact", float(exact), "ratio", at_least=0.6)


def same(example: Example, text: str) -> bool:
    return bool(json.loads(example.target) == json.loads(text))


def slots(answer: dict[str, Any]) -> set[tuple[str, str]]:
    """Name and value of each slot, case folded."""
    return {
        (name, str(one).casefold())
        for name, value in answer.get("slots", {}).items()
        for one in (value if isinstance(value, list) else [value])
    }


def clinc(claims: Claims, folder: Path, quick: bool) -> None:
    train, test = (
        [(row["input"], row["output"]) for row in read(folder / f"{split}.jsonl")]
        for split in ("train", "test")
    )
    if quick:
        train, test = train[::7], test[::7]
    inside = [pair for pair in test if pair[1] != "oos"]
    for kind, kinds in available().items():
        known = fitted([pair for pair in train if pair[1] != "oos"], kinds)
        target = 0.95 if kind != "n-grams" and not quick else None
        answers = [known.answer(text) for text, _ in inside]
        claims.add(f"CLINC150 in scope · {kind} · accuracy", share(answers, inside), "ratio", at_least=target)
        model = fitted(train, kinds, "oos")
        answers = [model.answer(text) for text, _ in test]
        pairs = list(zip(answers, test, strict=True))
        within = [answer.text == label for answer, (_, label) in pairs if label != "oos"]
        caught = [answer.text == label for answer, (_, label) in pairs if label == "oos"]
        claims.add(f"CLINC150 with oos · {kind} · accuracy", share(answers, test), "ratio")
        claims.add(f"CLINC150 with oos · {kind} · in scope", float(np.mean(within)), "ratio")
        claims.add(f"CLINC150 with oos · {kind} · out-of-scope recall", float(np.mean(caught)), "ratio")


def cfpb(claims: Claims, path: Path, quick: bool) -> None:
    rows = read(path)
    state_cuts(claims, "CFPB, 600 rows", [(row["input"], row["output"]) for row in rows], 600, quick)
    clouds = {
        name: np.mean([r["cloud_outputs"][name] == r["output"] for r in rows])
        for name in rows[0]["cloud_outputs"]
    }
    best = max(clouds, key=lambda name: clouds[name])
    claims.add(f"CFPB · best of {len(clouds)} recorded clouds ({best})", float(clouds[best]), "ratio")
    claims.add(
        f"CFPB · median of {len(clouds)} recorded clouds", float(np.median(list(clouds.values()))), "ratio"
    )


def spam(claims: Claims, path: Path, quick: bool) -> None:
    messages = [row["messages"] for row in read(path)]
    pairs = [(said[-2]["content"].partition("Text:\n")[2], said[-1]["content"]) for said in messages]
    state_cuts(claims, "spam, 600 rows", pairs, 600, quick)


def generated(rows: int, labels: int) -> list[tuple[str, str]]:
    """Texts of 8 to 20 invented words. Three of them tell the label; a tenth of the rows has a random one."""
    rng = generator(0, "bench.labels")
    syllables = [a + b for a in "bcdfghjklmnprstvz" for b in "aeiou"]
    words = ["".join(rng.choice(syllables, rng.integers(1, 4))) for _ in range(2000)]
    telling = rng.choice(words, (labels, 6))
    made = []
    for number in range(rows):
        label = number % labels
        text = [*rng.choice(words, rng.integers(5, 17)), *rng.choice(telling[label], 3)]
        stated = label if rng.random() > 0.1 else int(rng.integers(labels))
        made.append((" ".join(rng.permutation(text)), f"label {stated:02}"))
    return made


def timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Return the seconds of wall time, those of the processor, and the result."""
    begun, used = time.perf_counter(), time.process_time()
    result = work()
    return time.perf_counter() - begun, time.process_time() - used, result


def times(claims: Claims, quick: bool) -> None:
    rows = 2_000 if quick else 10_000
    pairs = generated(rows, 77)
    walls, processors = [], []
    for kind, kinds in available().items():
        wall, processor, model = timed(lambda kinds=kinds: fitted(pairs, kinds))
        walls.append(wall)
        processors.append(processor)
        claims.add(f"generated, {rows:,} rows, 77 labels · {kind} · fit", wall, "s")
        _, used, _ = timed(lambda model=model: [model.answer(text + " new") for text, _ in pairs[:300]])
        most = 1 if kind == "n-grams" else None
        claims.add(f"generated · {kind} · processor time a text", used / 300 * 1e3, "ms", at_most=most)
    claims.add(f"generated, {rows:,} rows, 77 labels · all label arms", sum(walls), "s", at_most=60)
    claims.add(f"generated, {rows:,} rows, 77 labels · all label arms, CPU", sum(processors), "s")


def main() -> None:
    made = parser(__doc__)
    for name in ("snips", "clinc", "cfpb", "spam"):
        made.add_argument(f"--{name}", type=Path, metavar="PATH")
    options: Namespace = made.parse_args()
    claims = Claims()
    times(claims, options.quick)
    if options.snips:
        snips(claims, options.snips)
    if options.cfpb:
        cfpb(claims, options.cfpb, options.quick)
    if options.spam:
        spam(claims, options.spam, options.quick)
    if options.clinc:
        clinc(claims, options.clinc, options.quick)
    claims.write(options.json)


if __name__ == "__main__":
    main()
