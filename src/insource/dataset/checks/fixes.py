"""Read and write the fixes file, which holds people's decisions about the checks' proposals."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

import tomlkit
from pydantic import ValidationError

from insource.dataset.checks.suite import NAMES
from insource.foundation.errors import UserError
from insource.foundation.files import replace_text
from insource.types import FixDecision

_HEADER = """\
What `insource dataset build` may change, one table a check. Nothing is changed without a decision here.
Written by `insource dataset fix`; edit parameters as you like."""


def read_decisions(path: Path) -> dict[str, FixDecision]:
    """Return the decisions by check; none when the file is not there.

    Raises:
        UserError: ``fixes-unreadable``, naming what is wrong.
    """
    if not path.exists():
        return {}
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _unreadable(path, str(error).splitlines()[0]) from error
    if unknown := sorted(set(tables) - set(NAMES)):
        raise _unreadable(path, f"there is no check {unknown[0]!r}")
    return {name: _decision(path, name, table) for name, table in tables.items()}


def write_decisions(path: Path, decisions: Iterable[FixDecision]) -> None:
    """Write the whole file, sorted by check, so that a change shows as a change."""
    document = tomlkit.document()
    for line in _HEADER.splitlines():
        document.add(tomlkit.comment(line))
    for decision in sorted(decisions, key=lambda one: one.check):
        document.add(
            decision.check, tomlkit.item(decision.model_dump(exclude={"check"}, exclude_defaults=True))
        )
    replace_text(path, tomlkit.dumps(document))


def _decision(path: Path, name: str, table: object) -> FixDecision:
    if not isinstance(table, dict):
        raise _unreadable(path, f"{name} is not a table, as `[{name}]` begins one")
    try:
        return FixDecision.model_validate({**table, "check": name})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise _unreadable(path, f"[{name}] {where}: {first['msg']}") from error


def _unreadable(path: Path, problem: str) -> UserError:
    return UserError(
        "fixes-unreadable",
        f"The decisions in {path} cannot be read: {problem}.",
        hint="Correct the file, or write it anew with `insource dataset fix`. Checks: " + ", ".join(NAMES),
    )
