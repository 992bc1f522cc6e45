"""Suggest the configuration for some data: its format, the role of each column, and what is asked."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from insource.config.dataset import ColumnsSection, DatasetSection
from insource.contract.infer import infer_output
from insource.dataset.rows.source import Source
from insource.dataset.sources.choose import choose_source, detected
from insource.dataset.sources.documents import Documents
from insource.dataset.unusable import bad_rows
from insource.foundation.errors import DataError
from insource.types import Dropped, OutputSpec, Row

LOG = "log"

_INPUTS = ("text", "document", "content", "body", "message", "question", "sentence", "instruction", "prompt")
_OUTPUTS = ("label", "labels", "answer", "target", "category", "class", "intent", "response", "completion")


_LOOKED_AT = 2000
_DOCUMENTS_LOOKED_AT = 50  # reading a PDF takes a second


class Proposal(NamedTuple):
    """Lines for ``[dataset]`` and the tables under it, the reason in words, and the form of the answers.

    The form is None when no answer was looked at.
    """

    lines: tuple[str, ...]
    reason: str
    output: OutputSpec | None = None


def proposal(folder: Path, data: str, task: str) -> Proposal:
    """Return what `insource init` writes about ``data``: a path relative to ``folder``, or ``log``.

    Raises:
        The errors of ``choose_source``; ``unknown-columns`` when no column has a usual name; ``bad-rows``,
        ``no-rows`` when none of the first rows can be used.
    """
    if data == LOG and not (folder / data).exists():
        lines: tuple[str, ...] = (
            'format = "log"',
            "",
            "[dataset.calls]",
            "# Which calls: also prompt_version, model, outcome, since, until, feedback.",
            f"task = {json.dumps(task)}",
        )
        return Proposal(lines, "the calls of the log")
    path = folder / data
    lines = (f"path = {json.dumps(data)}",)
    try:
        chosen = choose_source(DatasetSection(), path, workspace=folder, task=task)
        reason = chosen.reason
    except DataError as error:
        if error.code != "unknown-columns" or path.is_dir():
            raise
        _, _, keys = detected(path)
        guess = _guessed(keys)
        if guess is None:
            raise
        columns = ColumnsSection(input=guess[0], output=guess[1])
        lines += (
            "",
            "[dataset.columns]",
            f"# Guessed by their names. All columns: {', '.join(keys)}.",
            f"input = {json.dumps(columns.input)}",
            f"output = {json.dumps(columns.output)}",
        )
        chosen = choose_source(DatasetSection(columns=columns), path, workspace=folder, task=task)
        reason = f"input is the column {columns.input!r}, output {columns.output!r}: guessed, look at it"
    return Proposal(lines, reason, _form_of_answers(chosen.source))


def _form_of_answers(source: Source) -> OutputSpec:
    """Return the contract that the first answers come to."""
    looked_at = _DOCUMENTS_LOOKED_AT if isinstance(source, Documents) else _LOOKED_AT
    items = list(islice(source, looked_at))
    rows = [item for item in items if isinstance(item, Row)]
    if items and not rows:
        raise bad_rows(source.name, [item for item in items if isinstance(item, Dropped)], len(items))
    if not rows:
        raise DataError("no-rows", f"{source.name} has no rows.", hint="Give rows with `input` and `output`.")
    return infer_output(row.output for row in rows)


def _guessed(keys: tuple[str, ...]) -> tuple[str, str] | None:
    by_name = {key.lower(): key for key in reversed(keys)}
    given = next((by_name[name] for name in _INPUTS if name in by_name), None)
    wanted = next((by_name[name] for name in _OUTPUTS if name in by_name and by_name[name] != given), None)
    return (given, wanted) if given is not None and wanted is not None else None
