"""Keep the provenance of a file's lines in a file beside it, so that other tools can read the first."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from insource.dataset.rows.records import BadRow
from insource.foundation import canonical
from insource.foundation.errors import DataError
from insource.types import Example

ENDING = ".provenance.jsonl"
Found = tuple[int, dict[str, Any] | BadRow]


def sidecar_of(path: Path) -> Path:
    """``train.provenance.jsonl`` beside ``train.jsonl``."""
    return path.with_name(f"{path.stem}{ENDING}")


def sidecar_line(record: dict[str, Any], example: Example) -> dict[str, Any]:
    """Return the example's id and provenance, and the digest of the record that it was written as."""
    origin = example.provenance.model_dump(mode="json", exclude={"source", "line"})
    return {"id": example.row_id, "digest": canonical.digest(record), "provenance": origin}


def with_provenance(path: Path, records: Iterable[Found]) -> Iterator[Found]:
    """Yield the file's records with the id and provenance that its sidecar has for them.

    Without a sidecar the records are unchanged.

    Lines may have been taken out or put in another order. One that is not in the sidecar is not used: who
    answered it is unknown, and it would pass for people's. Memory: some 300 bytes a line.

    Raises:
        DataError: ``provenance-unreadable``.
    """
    sidecar = sidecar_of(path)
    if not sidecar.is_file():
        yield from records
        return
    with sidecar.open("rb") as file:
        places = _places(file, sidecar)
        for line, record in records:
            if isinstance(record, BadRow):
                yield line, record
            elif known := places.get(canonical.digest(record)):
                file.seek(known.pop(0) if len(known) > 1 else known[0])
                said = json.loads(file.readline())
                yield line, {**record, "id": said["id"], "provenance": said["provenance"]}
            else:
                yield line, BadRow("unknown-origin", f"{sidecar.name} does not say whose answer it is")


def _places(file: BinaryIO, sidecar: Path) -> dict[str, list[int]]:
    """Return where the lines for each digest begin."""
    places: dict[str, list[int]] = defaultdict(list)
    begin = 0
    for number, line in enumerate(file, 1):
        try:
            said = json.loads(line)
            _, _ = said["id"], said["provenance"]
            places[said["digest"]].append(begin)
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                "provenance-unreadable",
                f"{sidecar.name}:{number} has no `id`, `digest` and `provenance`.",
                hint="Export the dataset again.",
            ) from error
        begin += len(line)
    return places
