"""Suggest the `[dataset]` configuration for some data: its format, and the role of each column."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from insource.config.dataset import DatasetSection
from insource.dataset.sources.choose import choose_source, detected
from insource.foundation.errors import DataError

LOG = "log"

_INPUTS = ("text", "document", "content", "body", "message", "question", "sentence", "instruction", "prompt")
_OUTPUTS = ("label", "labels", "answer", "target", "category", "class", "intent", "response", "completion")


class Proposal(NamedTuple):
    """Lines for ``[dataset]`` and the tables under it, and the reason in words."""

    lines: tuple[str, ...]
    reason: str


def proposal(folder: Path, data: str, task: str) -> Proposal:
    """Return what `insource init` writes about ``data``: a path relative to ``folder``, or ``log``.

    Raises:
        The errors of ``choose_source``; ``unknown-columns`` when no column has a usual name.
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
    try:
        chosen = choose_source(DatasetSection(), path, workspace=folder, task=task)
    except DataError as error:
        if error.code != "unknown-columns":
            raise
        _, _, keys = detected(path)
        guess = _guessed(keys)
        if guess is None:
            raise
        given, wanted = guess
        lines = (
            f"path = {json.dumps(data)}",
            "",
            "[dataset.columns]",
            f"# Guessed by their names. All columns: {', '.join(keys)}.",
            f"input = {json.dumps(given)}",
            f"output = {json.dumps(wanted)}",
        )
        return Proposal(lines, f"input is the column {given!r}, output {wanted!r}: guessed, look at it")
    return Proposal((f"path = {json.dumps(data)}",), chosen.reason)


def _guessed(keys: tuple[str, ...]) -> tuple[str, str] | None:
    by_name = {key.lower(): key for key in reversed(keys)}
    given = next((by_name[name] for name in _INPUTS if name in by_name), None)
    wanted = next((by_name[name] for name in _OUTPUTS if name in by_name and by_name[name] != given), None)
    return (given, wanted) if given is not None and wanted is not None else None
