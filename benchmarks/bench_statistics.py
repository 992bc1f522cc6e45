"""Speed of every statistic of a comparison: ten arms against one cloud on 10,000 documents.

Families with their corrections, both questions, slices, difficulty and break points: all that a report needs.
The documents, the training rows and the right and wrong answers are made.

    python benchmarks/bench_statistics.py --quick
"""

from __future__ import annotations

import time

import numpy as np
from claims import Claims, parser

from insource.evaluation.compare import Terms
from insource.evaluation.comparison.break_point import break_point
from insource.evaluation.comparison.difficulty import difficulties
from insource.evaluation.comparison.family import compare_family
from insource.evaluation.comparison.mix import expected_unseen
from insource.evaluation.comparison.pairs import Side
from insource.evaluation.comparison.slices import compare_slices, document_slices
from insource.evaluation.metrics import summarise
from insource.foundation.rng import generator
from insource.types import Arm, EvalRecord, Example, Provenance, Score, SlotScore

ARMS, FIELDS = 10, ("number", "date", "total", "voltage")
FORMATS = dict.fromkeys(("parsed", "repairable", "schema_valid", "canonical"), True)


def made_documents(count: int, name: str) -> list[Example]:
    """Documents of 40 to 160 words from a vocabulary with a long tail, in 60 groups."""
    random = generator(20261128, f"bench.statistics.{name}")
    words = np.array([f"word{i}" for i in range(20_000)])
    chances = 1 / np.arange(1, len(words) + 1)
    chances /= chances.sum()
    lengths = random.integers(40, 161, count)
    drawn = words[random.choice(len(words), int(lengths.sum()), p=chances)]
    ends = np.cumsum(lengths)
    return [
        Example(
            row_id=f"{name}-{i}",
            digest=f"sha256:{i}",
            input=" ".join(drawn[end - length : end]),
            target="{}",
            group=f"group {random.integers(60)}",
            time=f"2026-{1 + i * 11 // count:02d}-01T00:00:00Z",
            cloud_outputs={"a": "x", "b": "x" if random.random() < 0.9 else "y"},
            provenance=Provenance(source="made"),
        )
        for i, (end, length) in enumerate(zip(ends, lengths, strict=True))
    ]


def made_side(name: str, accuracy: float, documents: list[Example], role: str) -> Side:
    """An arm that has each field right with this chance."""
    random = generator(20261128, f"bench.statistics.arm.{name}")
    right = random.random((len(documents), len(FIELDS))) < accuracy
    slots = {
        (path, one): SlotScore(path=path, bucket="correct" if one else "wrong", gold="1", predicted="1")
        for path in FIELDS
        for one in (True, False)
    }
    records = [
        EvalRecord(
            row_id=document.row_id,
            group=document.group,
            group_seen=int(str(document.group)[6:]) < 45,
            status="scored",
            score=Score(
                slots=tuple(slots[path, bool(one)] for path, one in zip(FIELDS, row, strict=True)),
                exact=bool(row.all()),
                **FORMATS,
            ),
        )
        for document, row in zip(documents, right, strict=True)
    ]
    return Arm.model_validate({"name": name, "model": name, "kind": "made", "role": role}), records


def statistics_claims(claims: Claims, documents: int = 10_000, target_s: float = 30.0) -> None:
    """Add the seconds of each part, and of all of them together with its target."""
    test, train = made_documents(documents, "test"), made_documents(documents, "train")
    cloud = made_side("cloud", 0.94, test, "reference")
    arms = [made_side(f"arm {i}", 0.90 + i / 200, test, "candidate") for i in range(ARMS)]
    terms = Terms("field_accuracy", 0.02, unseen_share=expected_unseen([one.group for one in train]))
    seconds: dict[str, float] = {}
    started, worked = time.perf_counter(), time.process_time()

    def lap(part: str) -> None:
        seconds[part] = time.perf_counter() - started - sum(seconds.values())

    for arm, records in [cloud, *arms]:
        summarise(arm, "test", records)
    lap("metrics of every arm")
    compare_family([(arm, cloud) for arm in arms], terms, primary=("arm 9", "cloud"))
    lap("ten comparisons, both questions, corrected")
    measures = difficulties(test, train)
    lap("difficulty of every document")
    slices = document_slices(test, cloud[1], measures)
    lap("slices made and named")
    for arm in arms:
        compare_slices(arm, cloud, slices, metric=terms.metric)
    lap("ten comparisons on every slice and field")
    for arm in arms:
        for measure in measures:
            break_point(arm, cloud, measure, metric=terms.metric, margin=terms.margin)
    lap(f"break points by {len(measures)} measures")
    for part, taken in seconds.items():
        claims.add(f"  {part}", taken, "s")
    name = f"all statistics of {ARMS} arms on {documents:,} documents"
    claims.add(name, sum(seconds.values()), "s", at_most=target_s)
    claims.add("  of it, seconds of one processor", time.process_time() - worked, "s")


def main() -> None:
    arguments = parser(__doc__).parse_args()
    claims = Claims()
    statistics_claims(claims, 1_000 if arguments.quick else 10_000)
    claims.write(arguments.json)


if __name__ == "__main__":
    main()
