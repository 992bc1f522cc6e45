"""Read anchors: rows whose answers people gave, and who that was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from insource.dataset.rows.examples import example_of
from insource.dataset.rows.records import BadRow, row_of
from insource.dataset.rows.targets import Targets
from insource.dataset.sources.json_lines import json_lines
from insource.foundation.errors import DataError
from insource.types import Row
from insource.types.anchors import Anchor

SHOWN = 8
WHO = "labelled_by"


def read_anchors(
    path: Path,
    targets: Targets,
    *,
    task: str,
    now: datetime,
    labelled_by: str = "",
    schemas: Mapping[str, dict[str, Any]] | None = None,
) -> tuple[Anchor, ...]:
    """Return the rows of a JSON Lines file as anchors, all of them or none.

    ``labelled_by`` is who labelled the rows that do not say it in a key of this name.

    Raises:
        DataError: ``rows-unreadable``; ``anchors-unusable`` with the rows that cannot be read, do not fit the
            contract, or say that a model made their label or text; ``anchors-not-human`` when nobody says who
            labelled a row.
    """
    bad: list[str] = []
    unsaid: list[str] = []
    found: dict[str, Anchor] = {}
    for line, record in json_lines(path, Counter()):
        try:
            if isinstance(record, BadRow):
                raise record
            row = row_of(record, line=line, source=path.name, schemas=schemas)
            if why := _unfit(row, found):
                bad.append(f"line {line}: {why}")
                continue
            who = str(record.get(WHO) or labelled_by)
            if not who:
                unsaid.append(row.row_id)
            found[row.row_id] = Anchor(
                anchor_id=row.row_id,
                task=task,
                example=example_of(row, targets.of(row)),
                labelled_by=who,
                added=now,
            )
        except BadRow as error:
            bad.append(f"line {line}: {error.detail}")
    if bad or not (found or unsaid):
        raise _unusable(path, bad or ["the file has no rows"])
    if unsaid:
        raise DataError(
            "anchors-not-human",
            f"Nobody says who labelled {len(unsaid)} of the rows in {path}: {listed(unsaid)}.",
            hint="If a person checked every label, say who: --labelled-by NAME",
        )
    return tuple(found.values())


def listed(names: Sequence[str]) -> str:
    """Return the first few of these names, and how many there are beside them."""
    shown = ", ".join(names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"


def _unfit(row: Row, found: Mapping[str, Anchor]) -> str:
    """Return why a row that can be read is no anchor, empty when it is one."""
    if row.row_id in found:
        return f"there is another row {row.row_id!r}"
    if row.provenance.from_teacher or row.provenance.synthetic:
        return f"{row.provenance.model or 'a model'} made its label or its text"
    return ""


def _unusable(path: Path, bad: Sequence[str]) -> DataError:
    return DataError(
        "anchors-unusable",
        f"{len(bad)} rows of {path} cannot be anchors; nothing was added.",
        details=(*bad[:SHOWN], *([f"and {len(bad) - SHOWN} more"] if len(bad) > SHOWN else [])),
        hint="Mend or remove them. A row has an `input`, and the `output` that a person gave.",
    )
