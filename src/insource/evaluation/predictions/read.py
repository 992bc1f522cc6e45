"""Read a file of predictions, whichever tool wrote it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from insource.evaluation.predictions import inspect_log, lm_eval, plain, promptfoo
from insource.evaluation.predictions.prediction import Prediction
from insource.formats.values import BadRecord, parse_json
from insource.foundation.errors import DataError

_ZIP = b"PK\x03\x04"
_SHOWN = 3


def read_predictions(path: Path, model: str = "") -> tuple[Prediction, ...]:
    """Return the predictions of a file: JSON Lines or CSV, inspect, promptfoo or lm-eval.

    ``model`` names the answers of a file that does not; otherwise it is the file's name.

    Raises:
        DataError: ``predictions-unreadable``; ``predictions-doubled`` when a model answers a document twice.
    """
    try:
        found = tuple(_read(path.read_bytes(), path, model or path.stem))
    except (OSError, BadRecord, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            "predictions-unreadable",
            f"{path} cannot be read as predictions: {error}",
            hint="Give JSON Lines or CSV with `id`, `model` and `output`, or a result file of inspect, "
            "promptfoo or lm-eval.",
        ) from error
    if not found:
        raise DataError(
            "predictions-unreadable",
            f"{path} has no predictions.",
            hint="Check that the other tool kept its samples: for lm-eval, pass --log_samples.",
        )
    _require_single(path, found)
    return found


def _read(data: bytes, path: Path, model: str) -> Iterable[Prediction]:
    if data.startswith(_ZIP):
        return inspect_log.from_zip(data)
    text = data.decode("utf-8-sig")
    start = text.lstrip()[:1]
    if start not in ("{", "["):
        return plain.from_csv(text, model)
    first = text.lstrip().split("\n", 1)[0]
    try:
        record = parse_json(first)
    except BadRecord:
        record = parse_json(text)  # one document on many lines
    if isinstance(record, dict) and promptfoo.is_promptfoo(record):
        return promptfoo.from_document(record)
    if isinstance(record, dict) and isinstance(record.get("samples"), list):
        return inspect_log.from_document(record)
    if isinstance(record, dict) and lm_eval.is_lm_eval(record):
        return lm_eval.from_records([parse_json(line) for line in text.splitlines() if line.strip()], model)
    return plain.from_lines(text, model)


def _require_single(path: Path, found: Iterable[Prediction]) -> None:
    times = Counter((one.model, one.id) for one in found)
    twice = [f"{model} on {row}" for (model, row), count in times.items() if count > 1]
    if twice:
        raise DataError(
            "predictions-doubled",
            f"{path} has several answers of one model to one document: {', '.join(twice[:_SHOWN])}"
            f"{f' and {len(twice) - _SHOWN} more' if len(twice) > _SHOWN else ''}.",
            hint="Keep one answer a document and model; repeats are no further documents.",
        )
