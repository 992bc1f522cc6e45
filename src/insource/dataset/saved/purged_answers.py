"""Find the datasets and runs that still hold answers of purged calls."""

from __future__ import annotations

import json
from collections.abc import Iterator, Set
from itertools import chain
from pathlib import Path
from typing import Any

from insource.dataset.identity import identity_of_rows
from insource.dataset.saved.folder import MANIFEST
from insource.dataset.sources.calls import SOURCE
from insource.foundation.canonical import digest
from insource.runs.folders import RunStore
from insource.types import SPLITS, Frozen


class Affected(Frozen):
    """A dataset with ``rows`` answers of purged calls, and the complete runs made from it."""

    dataset: str
    rows: int
    runs: tuple[str, ...]


def affected(
    workspace: Path, row_answers: Set[tuple[str, str]], call_ids: Set[str] = frozenset()
) -> tuple[Affected, ...]:
    """Return the datasets that keep one of these answers or calls.

    Answers are given as (row id, model asked).

    The link is the row id a call was tagged with, or the id of a call that became a row itself. An answer
    that came into a dataset in another way, by a file of rows for instance, is not found.
    """
    found = []
    wanted = bool(row_answers or call_ids)
    for path in sorted((workspace / "datasets").glob(f"*@*/{MANIFEST}")) if wanted else ():
        rows = chain.from_iterable(_rows(_file(path, split)) for split in SPLITS)
        holding = sum(_holds(row, row_answers, call_ids) for row in rows)
        if holding:
            found.append(Affected(dataset=path.parent.name, rows=holding, runs=_runs_of(workspace, path)))
    return tuple(found)


def _holds(row: dict[str, Any], row_answers: Set[tuple[str, str]], call_ids: Set[str]) -> bool:
    if row["row_id"] in call_ids and row["provenance"]["source"] == SOURCE:
        return True
    return any((row["row_id"], model) in row_answers for model in row.get("cloud_outputs", {}))


def _runs_of(workspace: Path, manifest: Path) -> tuple[str, ...]:
    """Return the runs made from the dataset, one of its splits, or such a run; oldest first."""
    names = {str(json.loads(manifest.read_text(encoding="utf-8"))["digest"])}
    for split in SPLITS:
        rows = [(row["row_id"], row.get("group"), row["digest"]) for row in _rows(_file(manifest, split))]
        # As evaluations, fits and prompts name a split, and as a training names its rows.
        names |= {identity_of_rows(rows), digest([one for _, _, one in rows])} if rows else set()
    return tuple(RunStore(workspace).made_from(names))


def _file(manifest: Path, split: str) -> Path:
    return manifest.with_name(f"{split}.jsonl")


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
