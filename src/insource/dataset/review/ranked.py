"""The rows that a decision named to be labelled next, in a file that the reviewer's queue is read from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from insource.foundation.errors import DataError
from insource.foundation.files import replace_text
from insource.types.sufficiency import ToLabel

FILE_NAME = "to-label.jsonl"
Ranked = Mapping[str, tuple[str, ...]]
"""Row ids, the most telling first, each with the reasons to label it."""


def write_ranked(path: Path, rows: Iterable[ToLabel]) -> None:
    """Write the rows, one a line; the file of an earlier decision is replaced as a whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(one.model_dump(mode="json"), ensure_ascii=False) + "\n" for one in rows)
    replace_text(path, "".join(lines))


def read_ranked(path: Path) -> Ranked:
    """Return the rows of a file, none when it is not there.

    Raises:
        DataError: ``queue-unreadable``.
    """
    if not path.exists():
        return {}
    try:
        found = [ToLabel.model_validate_json(line) for line in path.read_bytes().splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise DataError(
            "queue-unreadable",
            f"{path} cannot be read: {type(error).__name__}.",
            hint="Delete it; `insource decide` writes it anew.",
        ) from error
    return {one.row_id: one.reasons for one in found}
