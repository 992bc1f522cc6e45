"""Rows written by hand for a check, and what is left of them when its fix is applied."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from support.planted_rows import KINDS, Rows

from insource.dataset.checks.check import Context
from insource.dataset.checks.suite import apply_fixes
from insource.dataset.rows.staged import staged
from insource.types import FixDecision, JsonSchema, Provenance, Row

OPEN = JsonSchema(definition={"type": "object"})


def row(number: int, text: str, output: object, **fields: object) -> Row:
    """A row whose id is ``r`` and its number."""
    return Row(
        line=number,
        row_id=f"r{number}",
        input=text,
        output=output,
        **{"provenance": Provenance(source="s"), **fields},
    )


def mended(
    rows: list[Row], name: str, parameters: dict[str, object] | None = None, **about: object
) -> list[Row]:
    """The rows after the fix of the check ``name``; ``about`` are fields of the check's context."""
    with TemporaryDirectory() as folder, staged(Rows(rows), Path(folder)) as work:
        decision = FixDecision(check=name, decision="apply", parameters=parameters or {})
        apply_fixes(Context(rows=work, **{"output": OPEN, **about}), [decision], (KINDS[name],))
        return list(work)
