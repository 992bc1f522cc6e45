"""Find the evaluations that still hold answers of purged calls, whose dataset has none of them.

Answers that were bought for an arm are such: they are in the log, and no dataset takes them from there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Set
from pathlib import Path

from insource.evaluation.stage import RECORDS_FILE, STAGE
from insource.runs.folders import Run, RunStore


def runs_holding(workspace: Path, row_answers: Set[tuple[str, str]]) -> tuple[str, ...]:
    """Return the complete runs with one of these answers, given as (row id, model asked), oldest first.

    The runs made from such an evaluation are among them.
    """
    store = RunStore(workspace)
    models = {model for _, model in row_answers}
    holding = set()
    for run in store.complete(STAGE) if models else ():
        model = run.manifest["spec"]["config"]["arm"]["model"]
        if model in models and any((row_id, model) in row_answers for row_id in _row_ids(run)):
            holding.add(run.digest)
    return tuple(run.run_id for run in store.made_from(holding))


def _row_ids(run: Run) -> Iterator[str]:
    with (run.path / RECORDS_FILE).open(encoding="utf-8") as lines:
        yield from (json.loads(line)["row_id"] for line in lines)
