"""One answer of one model to one document, as a file from elsewhere has it."""

from __future__ import annotations

import json
from typing import Any, NamedTuple


class Prediction(NamedTuple):
    """``output`` is None where the model failed, for ``reason``.

    ``target`` is the gold that the file itself holds. ``right`` is the other tool's own judgement; it counts
    only where no gold is known. ``group`` names what the document shares with others.
    """

    id: str
    model: str
    output: str | None
    target: str | None = None
    right: bool | None = None
    group: str | None = None
    input: str = ""
    reason: str = ""


def as_text(value: Any) -> str | None:
    """Return an answer as the text a model gave: text unchanged, other values as JSON, null as None."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def mapping(value: Any) -> dict[str, Any]:
    """Return an object of a file, or an empty one where there is something else."""
    return value if isinstance(value, dict) else {}
