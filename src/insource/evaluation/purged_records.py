"""Find the evaluations that still hold answers of purged calls, whose dataset has none of them.

Answers that were bought for an arm are such: they are in the log, and no dataset takes them from there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Set
from pathlib import Path

from insource.evaluation.stage import RECORDS_FILE
from insource.runs.folders import MANIFEST, RunStore


def runs_holding(workspace: Path, row_answers: Set[tuple[str, str]]) -> tuple[str, ...]:
    """Return the complete runs with one of these answers, given as (row id, model asked), oldest first.

    The runs made from such an evaluation are among them.
    """
    store, holding = RunStore(workspace), set()
    for path in store.folder.glob(f"*/{RECORDS_FILE}") if row_answers else ():
        try:
            manifest = json.loads((path.parent / MANIFEST).read_text(encoding="utf-8"))
            model, key = manifest["spec"]["config"]["arm"]["model"], manifest["key"]
            if any((row_id, model) in row_answers for row_id in _row_ids(path)):
                holding.add(key)
        except (OSError, ValueError, KeyError, TypeError):
            continue  # interrupted or damaged: such runs are named without being read
    return tuple(store.made_from(holding))


def _row_ids(records: Path) -> Iterator[str]:
    with records.open(encoding="utf-8") as lines:
        yield from (json.loads(line)["row_id"] for line in lines)
