"""Logs of inspect: ``.eval`` (a ZIP with a file a sample) and ``.json``.

Read after inspect_ai 0.3.285. Only the first epoch counts: repeats of a sample are no further documents.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from insource.evaluation.predictions.prediction import Prediction, as_text, mapping
from insource.formats.values import BadRecord, parse_json

if sys.version_info >= (3, 14):
    import zipfile
else:
    from backports.zstd import zipfile  # the standard library reads zstd from 3.14 on

_SAMPLE = re.compile(r"samples/.+_epoch_1\.json\Z")
_RIGHT = {"C": True, "I": False, "P": False, "N": False}
"""Inspect's letters: correct, incorrect, partial, no answer."""


def from_zip(data: bytes) -> Iterator[Prediction]:
    """Yield the predictions of an ``.eval`` log; its files may be compressed with deflate or zstd.

    Raises:
        BadRecord: it is no such log, or a file in it cannot be read.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as log:
            names = log.namelist()
            head = next((name for name in ("header.json", "_journal/start.json") if name in names), None)
            if head is None:
                raise BadRecord("it has no header.json, so it is no log of inspect")
            model = _model(parse_json(log.read(head)))
            for name in sorted(filter(_SAMPLE.match, names)):
                yield _prediction(parse_json(log.read(name)), model)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError) as error:
        raise BadRecord(f"its archive cannot be read: {error}") from error


def from_document(document: Mapping[str, Any]) -> Iterator[Prediction]:
    """Yield the predictions of a log in one JSON document."""
    for sample in document.get("samples") or ():
        if sample.get("epoch", 1) == 1:
            yield _prediction(sample, _model(document))


def _model(head: Any) -> str:
    return str(mapping(mapping(head).get("eval")).get("model") or "")


def _prediction(sample: Any, model: str) -> Prediction:
    if not isinstance(sample, dict) or "id" not in sample:
        raise BadRecord("a sample has no id")
    output = mapping(sample.get("output"))
    target = sample.get("target")
    error = sample.get("error")
    reason = str(error.get("message", error)) if isinstance(error, dict) else str(error or "")
    return Prediction(
        id=str(sample["id"]),
        model=model,
        output=None if reason else as_text(output.get("completion")) or _choice(output),
        target=as_text(target[0] if isinstance(target, list) and len(target) == 1 else target),
        right=_right(sample.get("scores")),
        input=as_text(sample.get("input")) or "",
        reason=reason,
    )


def _choice(output: Mapping[str, Any]) -> str | None:
    """Return the text of the first choice, where older logs keep it."""
    choices = output.get("choices") or ()
    content = mapping(mapping(choices[0]).get("message")).get("content") if choices else None
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return as_text(content)


def _right(scores: Any) -> bool | None:
    """Return the judgement of the first scorer, where it is a plain right or wrong."""
    if not isinstance(scores, dict) or not scores:
        return None
    first = next(iter(scores.values()))
    value = first.get("value") if isinstance(first, dict) else None
    if isinstance(value, str):
        return _RIGHT.get(value)
    return value >= 1 if isinstance(value, bool | int | float) else None
