"""Speed of an evaluation: scoring, replayed answers, grounding, and the statistics of ten arms.

    python benchmarks/bench_evaluation.py --quick
    python benchmarks/bench_evaluation.py --recorded ../shared/datasets/extractgpt_oamine

--recorded scores real answers of five runs as they were published, and as Insource does, side by side.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import recorded_extraction
from bench_scoring import INVOICE, claims_for_documents, documents, example, task, timed
from claims import Claims, parser

from insource.evaluation.measures.grounding import grounding
from insource.evaluation.plan import ArmPlan
from insource.evaluation.scorers import build_scorer
from insource.evaluation.stage import Evaluated, evaluate_arm
from insource.models.protocol import Model, ModelInfo, Request
from insource.runs.folders import RunStore
from insource.types import (
    Arm,
    Completion,
    Dataset,
    DatasetManifest,
    EvalRecord,
    Example,
    Message,
    Task,
)


class Counting:
    """Answers from a table, and counts its calls."""

    info = ModelInfo(name="counting", local=False)

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers, self.calls = answers, 0

    def generate(self, request: Request) -> Completion:
        self.calls += 1
        return Completion(text=self.answers[request.messages[-1].content])

    @contextmanager
    def opened(self) -> Iterator[Model]:
        yield self


def claims_for_replay(claims: Claims, count: int) -> None:
    """An evaluation whose answers are all known: the second one, after the scoring changed."""
    pairs = list(documents(count, "bench.replay"))
    test = tuple(
        example(str(i), target).model_copy(update={"digest": f"{i:06}", "input": f"document {i}"})
        for i, (target, _) in enumerate(pairs)
    )
    model = Counting({one.input: answer for one, (_, answer) in zip(test, pairs, strict=True)})
    with TemporaryDirectory() as folder:
        first = evaluated(Path(folder), task(INVOICE), test, model)
        calls, changed = model.calls, task(INVOICE).model_copy(update={"abstain_with": ("UNREADABLE",)})
        seconds, again = timed(lambda: evaluated(Path(folder), changed, test, model))
    claims.add(f"model calls of the first evaluation of {count:,} documents", calls, "calls")
    claims.add("model calls of the next, with other scoring", model.calls - calls, "calls", at_most=0)
    claims.add("the same, its duration", seconds, "s")
    same = [one.completion for one in first.records] == [one.completion for one in again.records]
    claims.add("its answers are the first one's", float(same), "yes or no", at_least=1)


def evaluated(folder: Path, measured: Task, test: Sequence[Example], model: Counting) -> Evaluated:
    manifest = DatasetManifest(
        name="bench",
        digest="bench",
        source="generated",
        read=len(test),
        counts={},
        dropped={},
        output=measured.output,
        split_reason="",
    )
    splits = {"train": (), "validation": (), "calibration": (), "test": tuple(test)}
    dataset = Dataset.model_construct(splits=splits, dropped=(), manifest=manifest)
    plan = ArmPlan(
        arm=Arm(name="cloud", model="counting", kind="cloud", role="reference"),
        examples=tuple(test),
        identity={"answers": "bench"},
        model=model.opened,
        ask=lambda one: Request(messages=(Message(role="user", content=one.input),), max_tokens=100),
    )
    return evaluate_arm(RunStore(folder), dataset, measured, "test", plan, build_scorer(measured))


def claims_for_grounding(claims: Claims, count: int) -> None:
    """The grounding ladder with its measured power; it reads a fixed sample of the documents."""
    score, examples, records = build_scorer(task(INVOICE)), [], []
    for i, (target, answer) in enumerate(documents(count, "bench.grounding")):
        one = example(str(i), target).model_copy(update={"digest": f"{i:06}", "input": target})
        examples.append(one)
        records.append(EvalRecord(row_id=str(i), status="scored", score=score(one, Completion(text=answer))))
    seconds, _ = timed(lambda: grounding(task(INVOICE), examples, records))
    claims.add(f"grounding, its power and corrected rates, {count:,} documents", seconds, "s")


def main() -> None:
    options = parser(__doc__)
    options.add_argument(
        "--recorded", type=Path, metavar="FOLDER", help="score OA-Mine's recorded answers only"
    )
    chosen = options.parse_args()
    claims = Claims()
    if chosen.recorded:
        found = recorded_extraction.lines(chosen.recorded)
        for one in found:
            error = abs(one.reproduced - one.published)
            claims.add(f"{one.run}, difference to the published micro-F1", error, "points", at_most=0.005)
        print("\n" + recorded_extraction.table(found))
    else:
        claims_for_documents(claims, 5_000 if chosen.quick else 100_000)
        claims_for_replay(claims, 1_000)
        claims_for_grounding(claims, 2_000 if chosen.quick else 10_000)
        if importlib.util.find_spec("bench_statistics"):
            importlib.import_module("bench_statistics").statistics_claims(claims)
    claims.write(chosen.json)


if __name__ == "__main__":
    main()
