"""Span ranking: how good, how fast, how much memory. Seconds are of one processor core, whatever else runs.

The demo's documents and made invoices are generated. Public data is read where its path is given:

  --oamine DATA.jsonl           OA-Mine product titles → attributes, with logged GPT answers
                                (Brinkmann et al., 2023, Apache-2.0); its schemas.json lies beside it
  --snips DATA.jsonl            SNIPS voice commands → intent and slots (Coucke et al., 2018, CC0)

OA-Mine is judged as in bench_datasets.py. --quick takes one demo and thinner public data.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from bench_datasets import PUBLISHED_MICRO_F1, micro_f1, prepared, read, thinned
from claims import Claims, parser

from insource.arms.classical.spans.fit import FittedSpans, fit_spans
from insource.contract.field_evidence import ObservedField
from insource.demo.documents import generate
from insource.demo.layouts import SEEN
from insource.demo.schema import SCHEMA
from insource.evaluation.scorers import build_scorer
from insource.foundation.rng import generator
from insource.types import Completion, Example, JsonSchema, Score, Task

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

LEFT_OUT = 5


def task_of(name: str, schema: dict[str, Any]) -> Task:
    return Task(name=name, instruction="Extract.", output=JsonSchema(definition=schema))


def example(row: dict[str, Any], **more: Any) -> Example:
    target = row["output"] if isinstance(row["output"], str) else json.dumps(row["output"])
    return Example(
        row_id=row["id"],
        digest=row["id"],
        input=row["input"],
        target=target,
        group=row.get("group"),
        provenance={"source": "benchmark"},
        **more,
    )


def fitted(
    claims: Claims, name: str, task: Task, train: Sequence[Example], seconds: float | None
) -> FittedSpans:
    began = time.process_time()
    found = fit_spans(task, train)
    claims.add(f"{name} · fit and cross-validation", time.process_time() - began, "s", at_most=seconds)
    expected = [value for _, score in found.held_out if (value := score.field_accuracy) is not None]
    claims.add(f"{name} · field accuracy expected by cross-validation", float(np.mean(expected)), "ratio")
    return found


def scored(
    claims: Claims, name: str, task: Task, found: FittedSpans, test: Sequence[Example], ms: float | None
) -> list[Score]:
    score = build_scorer(task)
    began = time.process_time()
    answers = [found.model.answer(one.input, one.attributes) for one in test]
    claims.add(f"{name} · a document", 1000 * (time.process_time() - began) / len(test), "ms", at_most=ms)
    scores = [score(one, Completion(text=answer.text)) for one, answer in zip(test, answers, strict=True)]
    error = calibration_error([answer.confidence or 0.0 for answer in answers], [one.exact for one in scores])
    claims.add(f"{name} · calibration error of document confidence", error, "ratio")
    return scores


def calibration_error(confidences: Sequence[float], right: Sequence[bool], bins: int = 10) -> float:
    """Expected calibration error over bins of equal count (Naeini et al. 2015)."""
    chances, outcomes = np.array(confidences), np.array(right, dtype=float)
    parts = np.array_split(np.argsort(chances, kind="stable"), bins)
    gaps = [abs(chances[part].mean() - outcomes[part].mean()) * len(part) for part in parts if len(part)]
    return float(sum(gaps) / len(chances))


def state(
    claims: Claims, name: str, scores: Sequence[Score], field: float | None = None, exact: float | None = None
) -> None:
    accuracy = [value for one in scores if (value := one.field_accuracy) is not None]
    claims.add(f"{name} · field accuracy", float(np.mean(accuracy)), "ratio", at_least=field)
    claims.add(
        f"{name} · documents exact", float(np.mean([one.exact for one in scores])), "ratio", at_least=exact
    )
    claims.add(
        f"{name} · documents with an invention", float(np.mean([one.invented > 0 for one in scores])), "ratio"
    )
    claims.add(
        f"{name} · schema-valid", float(np.mean([one.schema_valid for one in scores])), "ratio", at_least=1
    )


def demo(claims: Claims, quick: bool) -> None:
    task = task_of("demo", SCHEMA)
    for seed in range(1 if quick else 3):
        rows = [example(row) for row in generate({"train": 480, "test": 100}, seed)]
        found = fitted(claims, f"demo, seed {seed}", task, rows[:480], 20)
        scores = scored(claims, f"demo, seed {seed}", task, found, rows[480:], 15)
        state(claims, f"demo, seed {seed}", scores, 0.95, 0.70)
    names = [SEEN[n] for n in generator(0, "bench.layouts").permutation(len(SEEN))]
    rows = [example(row) for row in generate({"train": 480}, 7)]
    scores = []
    for start in range(0, LEFT_OUT if quick else len(names), LEFT_OUT):
        out = frozenset(names[start : start + LEFT_OUT])
        found = fit_spans(task, [one for one in rows if one.group not in out])
        score = build_scorer(task)
        answers = [(one, found.model.answer(one.input)) for one in rows if one.group in out]
        scores += [score(one, Completion(text=answer.text)) for one, answer in answers]
    state(claims, f"demo, {LEFT_OUT} layouts left out", scores)


def invoices(claims: Claims, quick: bool) -> None:
    from support import made_invoices

    task = task_of("invoices", made_invoices.SCHEMA)
    sizes = {"train": 240 if quick else 480, "test": 100}
    rows = list(made_invoices.generate(sizes, 0))
    train, test = ([example(row) for row in rows if row["split"] == split] for split in sizes)
    found = fitted(claims, "made invoices", task, train, None)
    scores = scored(claims, "made invoices", task, found, test, 15)
    for part, seen in (("seen layouts", True), ("unseen layouts", False)):
        some = [
            s for one, s in zip(test, scores, strict=True) if (one.group in made_invoices.HELD_OUT) != seen
        ]
        state(claims, f"made invoices, {part}", some, 0.985 if seen else 0.93, 0.90 if seen else 0.55)


def oamine(claims: Claims, path: Path, quick: bool) -> None:
    everything = read(path)
    schemas = json.loads((path.parent / "schemas.json").read_text(encoding="utf-8"))
    rows = thinned(everything, quick)
    task = task_of("oamine", {"type": "object"})
    pairs = [(row, prepared(row, schemas)["schema"]) for row in rows]
    train = [
        example(row, attributes=tuple(row["attributes"]), contract=schema)
        for row, schema in pairs
        if row["split"] == "train"
    ]
    found = fitted(claims, "OA-Mine", task, train, None)
    test = [row for row in rows if row["split"] == "test"]
    for row in test:
        row["cloud_outputs"]["spans"] = found.model.answer(row["input"], tuple(row["attributes"])).text
    claims.add("OA-Mine · span ranking · micro-F1", micro_f1(test, "spans"), "ratio", at_least=0.70)
    for model in PUBLISHED_MICRO_F1:
        claims.add(f"OA-Mine · {model} · micro-F1", micro_f1(test, model), "ratio")


def snips(claims: Claims, path: Path, quick: bool) -> None:
    rows = thinned(read(path), quick)
    seen = ObservedField()
    for row in rows:
        if row["split"] == "train":
            seen.observe(json.loads(row["output"]))
    task = task_of("snips", seen.schema())
    train, test = ([example(row) for row in rows if row["split"] == split] for split in ("train", "test"))
    scores = scored(claims, "SNIPS", task, fitted(claims, "SNIPS", task, train, None), test, None)
    state(claims, "SNIPS", scores)
    slots = [slot.bucket for one in scores for slot in one.slots if slot.path != "intent"]
    correct, wrong = slots.count("correct"), slots.count("wrong")
    lost = slots.count("missed") + slots.count("invented")
    claims.add("SNIPS · micro-F1 of slots", 2 * correct / (2 * correct + 2 * wrong + lost), "ratio")


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--oamine", type=Path, metavar="DATA.jsonl")
    arguments.add_argument("--snips", type=Path, metavar="DATA.jsonl")
    options = arguments.parse_args()
    claims = Claims()
    demo(claims, options.quick)
    invoices(claims, options.quick)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    claims.add("peak memory, generated documents", peak, "MB")
    if options.oamine:
        oamine(claims, options.oamine, options.quick)
    if options.snips:
        snips(claims, options.snips, options.quick)
    claims.write(options.json)


if __name__ == "__main__":
    main()
