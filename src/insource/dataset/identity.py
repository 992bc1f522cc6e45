"""The digest that a run's manifest names its documents by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from insource.foundation.canonical import digest
from insource.types import Example


def identity_of(examples: Sequence[Example]) -> str:
    """Return the digest of these documents: their rows, groups and contents, in order."""
    return identity_of_rows((example.row_id, example.group, example.digest) for example in examples)


def identity_of_rows(rows: Iterable[tuple[str, str | None, str]]) -> str:
    """Return the same of row id, group and digest of each document."""
    return digest([list(row) for row in rows])
