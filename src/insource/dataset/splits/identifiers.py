"""Find values that identify one thing, such as an invoice: by their shape, and by being unique.

The same one in two splits hints at two documents about the same thing, which a model may know by heart.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from insource.formats.strict_json import as_object
from insource.types import Row

UNIQUE = 0.9
COMMON = 10
MOST = 64
FEWEST = 20
_PART_BITS = 5
_PARTS = 1 << _PART_BITS
# A word of at least five characters with a digit: letters, digits, and - / _ . # within. It is tried where it
# begins, not at every # in it: a document may be a single word of megabytes.
_WORD = re.compile(
    r"(?<![\w@./:-])(?<![\w./#-]#)[#A-Za-z0-9](?=[\w/.#-]*\d)[\w/.#-]{3,}\w(?![\w@])", re.ASCII
)
_PLAIN = re.compile(r"\d{1,5}|(?:\d{1,3}[.,])*\d+[.,]\d+|[\d.,]+(?:st|nd|rd|th|[a-zA-Z]{1,3})?")
_LONG_NUMBER = re.compile(r"\d{6,}")
_DATE = re.compile(
    r"(?:19|20)\d\d[-/._]?[01]\d[-/._]?[0-3]\d(?:T.*)?|[0-3]?\d[-/.][0-3]?\d[-/.](?:19|20)?\d\d"
)


class Shared(NamedTuple):
    """Identifiers by row: parallel arrays of what it is (a digest) and where it stands (row index)."""

    keys: NDArray[np.uint64]
    rows: NDArray[np.int64]
    fields: tuple[str, ...]


class Identifiers:
    """Collects, of each row, words of its input with an identifier's shape and the values of its label.

    At most 64 words a document are kept, 12 bytes each. Afterwards, a field of the label counts as an
    identifier when at least 90 % of its values (of at least 20) are different and they are single words; a
    word that stands in more than 10 rows names no single thing and is left out, and so is what stands in one.
    """

    def __init__(self) -> None:
        self._words = _Standing()
        self._values: dict[str, _Standing] = {}

    def observe(self, index: int, row: Row) -> None:
        """See one row; ``index`` is its place."""
        for word in words_of(row.input):
            self._words.add(word, index)
        for name, value in values_of(row.output):
            self._values.setdefault(name, _Standing()).add(value, index)

    def shared(self, kept: NDArray[np.bool_]) -> Shared:
        """Return the identifiers that occur in several of the ``kept`` rows.

        ``kept`` has one value for each row observed. Indexes stay as observed.
        """
        identifying = {name: values for name, values in self._values.items() if values.unique(kept)}
        found = [self._rare(part, kept, identifying.values()) for part in range(_PARTS)]
        keys, rows = (np.concatenate(column) for column in zip(*found, strict=True))
        return Shared(keys, rows.astype(np.int64), tuple(sorted(identifying)))

    def _rare(
        self, part: int, kept: NDArray[np.bool_], identifying: Iterable[_Standing]
    ) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
        """Of one part of the keys, those in 2 to 10 rows; a row counts once, in text and label."""
        parts = [standing.part(part, kept) for standing in (self._words, *identifying)]
        keys, rows = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.lexsort((rows, keys))
        keys, rows = keys[order], rows[order]
        again = (keys[1:] == keys[:-1]) & (rows[1:] == rows[:-1])
        once = np.r_[True, ~again] if len(keys) else np.zeros(0, np.bool_)
        keys, rows = keys[once], rows[once]
        _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
        rare = (counts[inverse] > 1) & (counts[inverse] <= COMMON)
        return keys[rare], rows[rare]


class _Standing:
    """Which keys stand in which rows; read part by part, so that sorting needs little room."""

    def __init__(self) -> None:
        self._keys, self._rows = array("Q"), array("I")

    def add(self, value: str, index: int) -> None:
        self._keys.append(identifier_key(value))
        self._rows.append(index)

    def part(self, number: int, kept: NDArray[np.bool_]) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
        keys, rows = np.frombuffer(self._keys, np.uint64), np.frombuffer(self._rows, np.uint32)
        own = np.flatnonzero(keys >> np.uint64(64 - _PART_BITS) == number)
        own = own[kept[rows[own]]]
        return keys[own], rows[own]

    def unique(self, kept: NDArray[np.bool_]) -> bool:
        """Return whether nearly every kept row has a value of its own."""
        own = np.frombuffer(self._keys, np.uint64)[kept[np.frombuffer(self._rows, np.uint32)]]
        return len(own) >= FEWEST and len(np.unique(own)) >= UNIQUE * len(own)


def identifier_key(value: str) -> int:
    """Return the digest that ``Shared.keys`` has for a value; the same in a text and in a label."""
    return int.from_bytes(blake2b(value.casefold().encode(), digest_size=8, person=b"identifier").digest())


def words_of(text: str) -> list[str]:
    """Return the different words of a text with the shape of an identifier, at most 64, in order."""
    found: dict[str, None] = {}
    for match in _WORD.finditer(text):
        word = match.group().rstrip("./-#")
        if len(word) >= 5 and shaped(word):
            found[word] = None
            if len(found) == MOST:
                break
    return list(found)


def shaped(word: str) -> bool:
    """Return whether a word with a digit may be an identifier: no date, amount, size or short number."""
    if _DATE.fullmatch(word):
        return False
    return bool(_LONG_NUMBER.fullmatch(word)) or not _PLAIN.fullmatch(word)


def values_of(output: str | dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the top-level values of a label that are single words with a digit, by field; dates are not."""
    for name, value in (as_object(output) or {}).items():
        text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
        if len(text) >= 4 and " " not in text and any(map(str.isdigit, text)) and not _DATE.fullmatch(text):
            yield name, text
