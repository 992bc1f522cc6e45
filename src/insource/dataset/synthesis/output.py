"""Append rows to the file of synthetic rows, each once, so that every line is complete."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from insource.foundation import canonical
from insource.foundation.errors import DataError
from insource.foundation.files import sync
from insource.types import Provenance, Row


class SyntheticFile:
    """Rows in ``insource``'s own JSON Lines, each for the training split and with its provenance.

    Opening it drops a last line that a killed run left unfinished. Rows have ids after their content, so
    the same row is written once however often it is made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ids = _mend(path)
        try:
            self._file = path.open("ab")
        except OSError as error:
            raise _unwritable(path, error) from error

    def add(self, row: Row) -> bool:
        """Write the row; False when it is there already."""
        if row.row_id in self.ids:
            return False
        origin = row.provenance.model_dump(exclude={"source", "line"}, exclude_defaults=True)
        origin["label"] = row.provenance.label  # a model that is named is not to be taken for the labels'
        record: dict[str, Any] = {
            "id": row.row_id,
            "input": row.input,
            "output": row.output,
            "split": "train",
        }
        record |= {"attributes": list(row.attributes)} if row.attributes is not None else {}
        record |= {"schema": row.contract} if row.contract is not None else {}
        line = json.dumps(record | {"provenance": origin}, ensure_ascii=False)
        try:
            self._file.write(line.encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise _unwritable(self.path, error) from error
        self.ids.add(row.row_id)
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sync(self._file)
        self._file.close()


def synthetic_row(
    text: str,
    output: str | dict[str, Any],
    origin: Provenance,
    *,
    attributes: tuple[str, ...] | None = None,
    contract: dict[str, Any] | None = None,
) -> Row:
    """Return a row of the training split named after its content."""
    made = canonical.short(canonical.digest([text, output, attributes]))
    return Row(
        line=None,
        row_id=f"synthetic-{origin.synthetic}-{made}",
        input=text,
        output=output,
        split="train",
        attributes=attributes,
        contract=contract,
        provenance=origin,
    )


def _mend(path: Path) -> set[str]:
    if not path.exists():
        return set()
    try:
        with path.open("r+b") as file:
            content = file.read()
            whole = content.rfind(b"\n") + 1
            if whole < len(content):
                file.truncate(whole)
        return {str(json.loads(line)["id"]) for line in content[:whole].splitlines() if line.strip()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            "synthetic-unreadable",
            f"{path} is not a file of synthetic rows: {error}.",
            hint="Correct the line, or move the file away and synthesize again.",
        ) from error


def _unwritable(path: Path, error: OSError) -> DataError:
    return DataError(
        "dataset-not-written",
        f"{path} cannot be written: {error.strerror or error}.",
        hint="Free some space or check the permissions; then run the same command again, it goes on there.",
    )
