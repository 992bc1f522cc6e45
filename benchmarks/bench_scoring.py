"""Speed of scoring: documents of 12 fields, long lists, and the metrics and comparison made from them.

The floor is what any scorer has to do: read both JSON texts and compare them as wholes.

    python benchmarks/bench_scoring.py --quick
"""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from claims import Claims, parser

from insource.evaluation.compare import compare
from insource.evaluation.metrics import summarise
from insource.evaluation.scorers import build_scorer
from insource.foundation.rng import generator
from insource.types import Arm, Completion, EvalRecord, Example, JsonSchema, Provenance, Task

TEXT, NUMBER = {"type": ["string", "null"]}, {"type": ["number", "null"]}


def closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def declared(base: dict[str, Any], **options: Any) -> dict[str, Any]:
    return {**base, "x-insource": options}


INVOICE = closed(
    {
        "vendor": TEXT,
        "number": declared(TEXT, compare="id"),
        "date": {**TEXT, "format": "date"},
        "due": {**TEXT, "format": "date"},
        "currency": {"enum": ["EUR", "USD", "GBP", None]},
        "net": NUMBER,
        "tax": NUMBER,
        "total": declared(NUMBER, compare="number", abs_tol=0.01),
        "voltage": declared(TEXT, compare="quantity", unit="V"),
        "weight": declared(TEXT, compare="quantity", unit="kg"),
        "paid": {"type": ["boolean", "null"]},
        "items": {"type": ["integer", "null"]},
    }
)
LINE = closed({"sku": TEXT, "name": TEXT, "quantity": {"type": "integer"}, "price": NUMBER})
LINES = closed({"lines": {"type": "array", "items": LINE}})


def invoice(number: int, draw: np.random.Generator) -> dict[str, Any]:
    net = round(float(draw.lognormal(6, 1)), 2)
    day = f"2026-{draw.integers(1, 13):02}-{draw.integers(1, 29):02}"
    return {
        "vendor": f"Vendor {draw.integers(400)} GmbH",
        "number": f"INV-{number:06}",
        "date": day,
        "due": day if draw.random() < 0.9 else None,
        "currency": ("EUR", "USD", "GBP")[draw.integers(3)],
        "net": net,
        "tax": round(net * 0.19, 2),
        "total": round(net * 1.19, 2),
        "voltage": f"{draw.integers(1, 1000)} V" if draw.random() < 0.7 else None,
        "weight": f"{draw.integers(1, 9000) / 10} kg",
        "paid": bool(draw.integers(2)),
        "items": int(draw.integers(1, 40)),
    }


def answered(label: dict[str, Any], draw: np.random.Generator) -> dict[str, Any]:
    """The label with one field in ten left out, respelled or changed."""
    answer = dict(label)
    for key, value in label.items():
        fate = draw.random()
        if fate < 0.03:
            answer[key] = None
        elif fate < 0.07 and isinstance(value, str):
            answer[key] = value.replace(" ", "").lower()
        elif fate < 0.10 and isinstance(value, float):
            answer[key] = value + 1
    return answer


def documents(count: int, name: str) -> Iterator[tuple[str, str]]:
    draw = generator(20261128, name)
    for number in range(count):
        label = invoice(number, draw)
        yield json.dumps(label), json.dumps(answered(label, draw))


def task(schema: dict[str, Any]) -> Task:
    return Task(name="bench", instruction="Extract.", output=JsonSchema(definition=schema))


def example(row_id: str, target: str) -> Example:
    return Example(
        row_id=row_id, digest="0", input="", target=target, provenance=Provenance(source="generated")
    )


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.perf_counter()
    result = work()
    return time.perf_counter() - begun, result


def claims_for_documents(claims: Claims, count: int) -> None:
    """Scoring alone, against the floor, and what is made from the scores of two arms."""
    label = f"{count:,} documents of {len(INVOICE['properties'])} fields"
    score, pairs = build_scorer(task(INVOICE)), list(documents(count, "bench.scoring"))
    examples = [example(str(i), target) for i, (target, _) in enumerate(pairs)]
    floor_s, _ = timed(lambda: [json.loads(target) == json.loads(answer) for target, answer in pairs])
    begun, begun_cpu = time.perf_counter(), time.process_time()
    for one, (_, answer) in zip(examples, pairs, strict=True):
        score(one, Completion(text=answer))
    taken, cpu = time.perf_counter() - begun, time.process_time() - begun_cpu
    claims.add(f"{label}, one process", taken, "s", at_most=60 * count / 100_000)
    claims.add(f"{label}, its CPU time", cpu, "s")
    claims.add(f"{label}, CPU time a document", cpu / count * 1e6, "µs")
    claims.add("the floor (read both, compare as wholes), a document", floor_s / count * 1e6, "µs")


def claims_for_metrics(claims: Claims, count: int) -> None:
    score = build_scorer(task(INVOICE))

    def records(name: str) -> list[EvalRecord]:
        return [
            EvalRecord(
                row_id=str(i),
                status="scored",
                score=score(example(str(i), target), Completion(text=answer)),
            )
            for i, (target, answer) in enumerate(documents(count, name))
        ]

    arms = [Arm(name=name, model=name, kind=kind) for name, kind in (("tuned", "tuned"), ("cloud", "cloud"))]
    sides = [(arm, records(f"bench.{arm.name}")) for arm in arms]
    (arm, mine), _ = sides
    claims.add(f"{count:,} records, every metric", timed(lambda: summarise(arm, "test", mine))[0], "s")
    compared = timed(lambda: compare(*sides, metric="field_accuracy", margin=0.02))[0]
    claims.add(f"{count:,} pairs, comparison", compared, "s")


def claims_for_lists(claims: Claims, count: int) -> None:
    """Line items: the answer is the label, turned round, wrong in one field of every line, or all wrong."""
    score = build_scorer(task(LINES))
    lines = [
        {"sku": f"SKU-{i:05}", "name": f"Part number {i}", "quantity": i % 40 + 1, "price": i * 1.25}
        for i in range(count)
    ]
    cases = {
        "the answer is the label": lines,
        "in reverse": lines[::-1],
        "one field wrong in every line, in reverse": [{**line, "price": -1.0} for line in lines[::-1]],
        "nothing right": [{"sku": "?", "name": f"{i}", "quantity": 99, "price": -1.0} for i in range(count)],
    }
    one = example("lines", json.dumps({"lines": lines}))
    for name, answer in cases.items():
        text = json.dumps({"lines": answer})
        taken = min(timed(lambda text=text: score(one, Completion(text=text)))[0] for _ in range(3))
        claims.add(f"{count} line items, {name}", taken, "s", at_most=0.5)
        begun = time.process_time()
        score(one, Completion(text=text))
        claims.add(f"{count} line items, {name}, its CPU time", time.process_time() - begun, "s")


def main() -> None:
    options = parser(__doc__).parse_args()
    claims = Claims()
    claims_for_lists(claims, 500)
    claims_for_documents(claims, 5_000 if options.quick else 100_000)
    claims_for_metrics(claims, 2_000 if options.quick else 20_000)
    claims.add("peak memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MB")
    claims.write(options.json)


if __name__ == "__main__":
    main()
