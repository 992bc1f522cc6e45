"""Which datasets and runs hold answers of calls that were purged: they are files of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

from insource.canonical import digest
from insource.dataset.folder import MANIFEST
from insource.store.runs import RunStore
from insource.types import SPLITS, Frozen


class Affected(Frozen):
    """A dataset with ``rows`` answers of purged calls, and the complete runs made from it."""

    dataset: str
    rows: int
    runs: tuple[str, ...]


def affected(workspace: Path, row_answers: Set[tuple[str, str]]) -> tuple[Affected, ...]:
    """The datasets that keep one of these answers, given as (row id, model asked).

    The link is the row id a call was tagged with. An answer that came into a dataset in another way, by a
    file of rows for instance, is not found.
    """
    found = []
    for path in sorted((workspace / "datasets").glob(f"*@*/{MANIFEST}")) if row_answers else ():
        rows = [row for split in SPLITS for row in _rows(path.with_name(f"{split}.jsonl"))]
        holding = sum(
            any((row["row_id"], model) in row_answers for model in row.get("cloud_outputs", {}))
            for row in rows
        )
        if holding:
            found.append(Affected(dataset=path.parent.name, rows=holding, runs=_runs_of(workspace, path)))
    return tuple(found)


def _runs_of(workspace: Path, manifest: Path) -> tuple[str, ...]:
    """The runs whose manifest names the dataset, its training rows, or a run made from it; oldest first."""
    trained_on = digest([row["digest"] for row in _rows(manifest.with_name("train.jsonl"))])
    names, found = {str(json.loads(manifest.read_text(encoding="utf-8"))["digest"]), trained_on}, []
    for run in reversed(list(RunStore(workspace).complete())):
        text = json.dumps(run.manifest)
        if any(name in text for name in names):
            found.append(run.run_id)
            names.add(run.digest)
    return tuple(found)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
