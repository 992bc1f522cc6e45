"""JSON Lines and CSV with the columns ``id``, ``model`` and ``output``."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from insource.evaluation.predictions.prediction import Prediction, as_text
from insource.formats.csv_records import likely_delimiter
from insource.formats.values import BadRecord, parse_json

OUTPUTS = ("output", "prediction", "answer", "label")


def from_lines(text: str, model: str) -> Iterator[Prediction]:
    """Yield the predictions of a JSON Lines file. ``model`` names rows without one.

    Raises:
        BadRecord: a line is no object, or has no ``id`` or no output; the message begins with its number.
    """
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = parse_json(line)
        except BadRecord as error:
            raise BadRecord(f"line {number}: {error}") from error
        if not isinstance(record, dict):
            raise BadRecord(f"line {number}: it is no JSON object")
        yield _prediction(record, model, f"line {number}")


def from_csv(text: str, model: str) -> Iterator[Prediction]:
    """Yield the predictions of a CSV file with a heading. An empty cell is an empty answer.

    Raises:
        BadRecord: as ``from_lines``.
    """
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=likely_delimiter(text[:65536]))
    for row in reader:
        record = {str(name).strip(): value for name, value in row.items() if name is not None}
        yield _prediction(record, model, f"line {reader.line_num}")


def _prediction(record: Mapping[str, Any], model: str, place: str) -> Prediction:
    name = next((key for key in OUTPUTS if key in record), None)
    if record.get("id") in (None, ""):
        raise BadRecord(f"{place}: it has no `id`")
    if name is None:
        raise BadRecord(f"{place}: it has no `output`")
    error = as_text(record.get("error")) or ""
    output = None if error else as_text(record[name])
    return Prediction(
        id=str(record["id"]),
        model=str(record.get("model") or model),
        output=output,
        target=as_text(record.get("target", record.get("gold"))),
        group=None if record.get("group") in (None, "") else str(record["group"]),
        input=as_text(record.get("input")) or "",
        reason=error or ("" if output is not None else "no answer"),
    )
