"""Read the stored result of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from insource.foundation.errors import UserError
from insource.runs.folders import RunStore, damaged
from insource.types import RunResult

RESULT_FILE, REPORT_FILE = "result.json", "report.html"
STAGE = "run"


def load(runs: RunStore, name: str | None = None) -> tuple[RunResult, Path]:
    """Return a stored result and its folder: the newest, or the one whose run id starts with ``name``.

    Raises:
        UserError: ``no-such-run``.
        IntegrityError: ``run-damaged``.
    """
    for run in runs.complete(STAGE):
        if name is None or run.run_id.startswith(name):
            try:
                text = (run.path / RESULT_FILE).read_text(encoding="utf-8")
                return RunResult.model_validate_json(text), run.path
            except (OSError, ValueError) as error:
                raise damaged(run.path, RESULT_FILE) from error
    wanted = f"no run {name}" if name else "no complete run"
    raise UserError("no-such-run", f"There is {wanted} in {runs.folder}.", hint="Make one: insource run")


def to_json(result: RunResult) -> dict[str, Any]:
    """Return the document `insource run --json` prints; ``docs/reference/run-result.md`` has its schema."""
    return result.model_dump(mode="json")
