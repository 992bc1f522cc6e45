"""Read documents without labels, which a teacher is to label."""

from __future__ import annotations

import json
from pathlib import Path

from insource.foundation.errors import DataError

SHOWN = 8


def read_inputs(path: Path) -> tuple[str, ...]:
    """Return the ``input`` of each line of a JSON Lines file.

    Raises:
        DataError: ``rows-unreadable``, ``bad-rows`` with the first lines that have none.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise DataError(
            "rows-unreadable",
            f"{path} cannot be read: {error.strerror or error}.",
            hint="Give JSON Lines with an `input` in each line.",
        ) from error
    texts, bad = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            text = json.loads(line)["input"]
        except (ValueError, KeyError, TypeError):
            text = None
        if isinstance(text, str) and text.strip():
            texts.append(text)
        else:
            bad.append(number)
    if bad:
        raise DataError(
            "bad-rows",
            f"{len(bad)} lines of {path.name} have no text under `input`.",
            details=tuple(f"{path.name}:{number}" for number in bad[:SHOWN]),
            hint="Give JSON Lines with an `input` in each line.",
        )
    return tuple(texts)
