"""Rows to review, decisions about them, and a workbench over them."""

import json

from insource.dataset.review.decisions import DecisionFile
from insource.dataset.review.fields import input_digest, value_at
from insource.dataset.review.workbench import Workbench
from insource.dataset.rows.records import row_of
from insource.dataset.rows.staged import staged
from insource.dataset.sources.json_lines import JsonLines
from insource.types import JsonSchema, Labels, ReviewDecision

SCHEMA = {
    "type": "object",
    "properties": {
        "model": {"type": "string"},
        "power": {
            "type": "object",
            "properties": {
                "voltage": {"type": ["string", "null"], "enum": ["230 V", "400 V", None]},
                "phases": {"type": "integer"},
            },
        },
        "tags": {"type": "array", "items": {"type": "string"}},
    },
}
JSON_TASK = JsonSchema(definition=SCHEMA)
LABELS = Labels(names=("billing", "delivery", "technical"))


def row(output, *, text="Pump AX-1, 400 V.", label="teacher", row_id="r1", **others):
    """A row of a teacher, unless told otherwise."""
    record = {"id": row_id, "input": text, "output": output, "provenance": {"label": label}, **others}
    return row_of(record, line=1, source="test")


def decided(about, field="", verdict="accepted", after=None, who="ann", **others):
    """A decision of Ann's about a field of the row, by default that the whole of it is right."""
    before = value_at(about, field)
    values = {"row_id": about.row_id, "before": before, "input": input_digest(about), "when": "2026-04-12"}
    after = before if verdict == "accepted" else after
    return ReviewDecision(
        **{**values, "field": field, "verdict": verdict, "after": after, "who": who, **others}
    )


def workbench_of(tmp_path, records, contract, **options):
    """A workbench over the records, and the opened rows, on which ``__exit__`` has to be called."""
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in records))
    opened = staged(JsonLines(path), tmp_path / "work")
    rows = opened.__enter__()
    file = DecisionFile(tmp_path / "reviews.jsonl", tmp_path / "lock")
    return Workbench(rows, contract, file, **options), opened
