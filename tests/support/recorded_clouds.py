"""Real clouds' answers to public documents, read from where they lie; tests skip without them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.unfair_clouds import scored

from insource.evaluation.handicaps.case import Case
from insource.evaluation.scorers import build_scorer
from insource.types import Arm, EvalRecord, Example, JsonSchema, Labels, Provenance, Task


class Recorded(NamedTuple):
    """A task with its documents and the records of every cloud that answered them."""

    task: Task
    examples: dict[str, Example]
    clouds: dict[str, tuple[Arm, tuple[EvalRecord, ...]]]

    def case(self, name: str) -> Case:
        arm, records = self.clouds[name]
        others = tuple(cloud for other, cloud in self.clouds.items() if other != name)
        return Case(self.task, arm, self.examples, records, build_scorer(self.task), others=others)


def complaints() -> Recorded:
    """1,000 complaints in five classes, answered by fourteen models (``cfpb_complaints_14llms``)."""
    rows = _rows("cfpb_complaints_14llms/data.jsonl")
    names = tuple(sorted({row["output"] for row in rows}))
    task = Task(name="t", instruction="i", output=Labels(names=names), primary_metric="accuracy")
    return _recorded(task, rows, {})


def products() -> Recorded:
    """491 product titles with up to eight attributes, five runs of two models (``extractgpt_oamine``)."""
    rows = [row for row in _rows("extractgpt_oamine/data.jsonl") if row["split"] == "test"]
    schemas = json.loads((_folder() / "extractgpt_oamine/schemas.json").read_text())
    output = JsonSchema(definition={"type": "object"})
    # The published convention: only attributes with a gold value are judged.
    task = Task(name="t", instruction="i", output=output, absent_fields="unscored")
    return _recorded(task, rows, schemas)


def _recorded(task: Task, rows: list[dict[str, Any]], schemas: dict[str, Any]) -> Recorded:
    examples = {
        row["id"]: Example(
            row_id=row["id"],
            digest="0",
            input=row["input"],
            target=row["output"],
            contract=schemas.get(row.get("category")),
            attributes=row.get("attributes"),
            cloud_outputs=row["cloud_outputs"],
            provenance=Provenance(source="data.jsonl"),
        )
        for row in rows
    }
    clouds = {
        name: (
            Arm(name=name, model=name, kind="cloud"),
            scored(task, examples, {row["id"]: row["cloud_outputs"][name] for row in rows}),
        )
        for name in rows[0]["cloud_outputs"]
    }
    return Recorded(task, examples, clouds)


def _folder() -> Path:
    """The folder of public data, beside that of the recorded exchanges."""
    given = os.environ.get("INSOURCE_API_LOGS")
    if not given or not (folder := Path(given).parent).is_dir():
        pytest.skip("INSOURCE_API_LOGS does not name a folder beside the public data")
    return folder


def _rows(name: str) -> list[dict[str, Any]]:
    path = _folder() / name
    if not path.is_file():
        pytest.skip(f"{name} is not there")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
