"""Score the recorded answers of OA-Mine (ExtractGPT, arXiv:2310.12537) as published, and as Insource does.

Published: white space at the ends is cut, ``n/a`` is no value, only the attributes in the label are judged,
and a value is right if it is identical to the label's. A wrong value counts against precision and recall.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from insource.contract.answers import read_answer
from insource.evaluation.metrics import summarise
from insource.evaluation.scorers import build_scorer, empty_scores
from insource.types import (
    Arm,
    Completion,
    Estimate,
    EvalRecord,
    Evaluation,
    Example,
    JsonSchema,
    Provenance,
    Task,
)

NO_VALUE = frozenset({"n/a", "None"})


class Line(NamedTuple):
    """One run of the paper: micro-F1 in percent as published and reproduced, and Insource's figures."""

    run: str
    published: float
    reproduced: float
    f1: Estimate
    exact_match: Estimate
    invented: Estimate


def lines(folder: Path) -> list[Line]:
    """Return the figures of every run in a folder with ``data.jsonl``, ``runs.json`` and ``schemas.json``."""
    rows = [json.loads(line) for line in (folder / "data.jsonl").read_text(encoding="utf-8").splitlines()]
    test = [row for row in rows if row["split"] == "test"]
    schemas = json.loads((folder / "schemas.json").read_text(encoding="utf-8"))
    found = []
    for run, about in json.loads((folder / "runs.json").read_text(encoding="utf-8")).items():
        as_published = measured(run, test, schemas, published=True)
        ours = measured(run, test, schemas, published=False).metrics
        found.append(
            Line(
                run=run,
                published=about["micro"]["micro"]["micro_f1"],
                reproduced=round(100 * (as_published.metrics["f1"].value or 0), 2),
                f1=ours["f1"],
                exact_match=ours["exact_match"],
                invented=ours["invented_per_null_slot"],
            )
        )
    return found


def measured(
    run: str, rows: Sequence[dict[str, Any]], schemas: dict[str, Any], *, published: bool
) -> Evaluation:
    """Return the metrics of one run, by Insource's scorer under either convention."""
    task = Task(
        name="oa-mine",
        instruction="Extract.",
        output=JsonSchema(definition={"type": "object"}),
        absent_fields="unscored" if published else "null",
    )
    score, examples, records = build_scorer(task), [], []
    for row in rows:
        target, text = row["output"], row["cloud_outputs"][run]
        answer = read_answer(text, task.output).value
        if published:
            target = json.dumps(stripped(json.loads(target)))
        text = json.dumps(valued(answer, published)) if isinstance(answer, dict) else text
        example = Example(
            row_id=row["id"],
            digest=row["id"],
            input=row["input"],
            target=target,
            contract=exact(schemas[row["category"]]) if published else schemas[row["category"]],
            provenance=Provenance(source="oa-mine"),
        )
        examples.append(example)
        records.append(
            EvalRecord(row_id=row["id"], status="scored", score=score(example, Completion(text=text)))
        )
    arm = Arm(name=run, model=run.partition("/")[0], kind="cloud", role="reference")
    return summarise(arm, "test", records, all_null=empty_scores(task, examples))


def exact(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with every field compared as it is written."""
    properties = {
        name: {**part, "x-insource": {"compare": "exact"}} for name, part in schema["properties"].items()
    }
    return {**schema, "properties": properties}


def stripped(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value.strip() if isinstance(value, str) else value for name, value in values.items()}


def valued(answer: dict[str, Any], published: bool) -> dict[str, Any]:
    """Return the answer with null for the words that its prompt asked for where there is no value."""
    values = stripped(answer) if published else answer
    return {
        name: None if isinstance(value, str) and value.strip() in NO_VALUE else value
        for name, value in values.items()
    }


def table(found: Sequence[Line]) -> str:
    """Return the figures as a Markdown table."""
    head = "| run | micro-F1 published | reproduced | ours: F1 | documents exact | invented per empty field |"
    body = [
        f"| {one.run} | {one.published:.2f} | {one.reproduced:.2f} | {shown(one.f1)} "
        f"| {shown(one.exact_match)} | {shown(one.invented)} |"
        for one in found
    ]
    return "\n".join([head, "|---|---|---|---|---|---|", *body])


def shown(estimate: Estimate) -> str:
    value, low, high = (100 * (part or 0) for part in (estimate.value, estimate.low, estimate.high))
    return f"{value:.1f} [{low:.1f}, {high:.1f}]"
