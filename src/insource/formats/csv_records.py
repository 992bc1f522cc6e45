"""Read the records of CSV files as spreadsheets and programs write them."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from insource.formats.values import BadRecord

DELIMITERS = ",;\t|"
BLANK_ROWS = "Rows of nothing but separators, passed over"

_SAMPLE_ROWS = 100
# The first line by which spreadsheets say the delimiter, as Excel writes and reads it.
_SAID = re.compile(r'"?sep=([^"\'\r\n])"?[\r\n]*\Z', re.IGNORECASE)

Found = tuple[int, dict[str, str] | BadRecord]


class CsvDialect(NamedTuple):
    """The character between cells, detected when empty, and the one around them, empty for none."""

    delimiter: str = ""
    quote: str = '"'


DETECTED = CsvDialect()


def csv_records(
    file: BinaryIO, head: str, dialect: CsvDialect, noted: Counter[str], max_bytes: int
) -> Iterator[Found]:
    """Yield each row as an object by the headings, with its first line; ``head`` is how the file begins.

    A column without a heading is called after its place, and is left out of the rows where it is empty. Cells
    behind the last heading may be empty. Rows of nothing but separators are counted in ``noted``.
    """
    csv.field_size_limit(max_bytes)  # the default limit of 128 kB is shorter than a long prompt
    text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
    lines = _Lines(text, max_bytes)
    try:
        first, *others = head.splitlines(keepends=True) or [""]
        if said := _SAID.match(first):
            next(lines)
            lines.taken()
        sample = "".join(others) if said else head
        delimiter = dialect.delimiter or (said[1] if said else likely_delimiter(sample, dialect.quote))
        yield from _records(_rows(lines, delimiter, dialect.quote), delimiter, noted)
    finally:
        text.detach()


def _records(
    rows: Iterator[tuple[int, list[str] | BadRecord]], delimiter: str, noted: Counter[str]
) -> Iterator[Found]:
    header: list[str] | None = None
    named = 0  # the place of the last heading
    for line, row in rows:
        if isinstance(row, BadRecord):
            yield line, row
        elif not row:
            noted[BLANK_ROWS] += 1
        elif header is None:
            header = row
            named = max((place for place, name in enumerate(header, 1) if name), default=0)
            if problem := _unusable(header):
                yield line, BadRecord(f"{problem}, so none of its rows are read")
                return
        else:
            yield line, _record(header, named, row, delimiter)


def likely_delimiter(head: str, quote: str = '"') -> str:
    """Return the delimiter that most rows have as often as the header does, outside quotes.

    Of several, the one that makes the most columns is taken.
    """
    rows = [row for row in re.split("[\r\n]+", _unquoted(head, quote)) if row.strip(f"{DELIMITERS} ")]
    # The last row may be cut.
    header, *others = (rows[:-1] if len(rows) > 2 else rows)[: _SAMPLE_ROWS + 1] or [""]

    def fit(delimiter: str) -> tuple[float, int]:
        count = header.count(delimiter)
        alike = sum(row.count(delimiter) == count for row in others)
        share = alike / len(others) if others else 1.0
        return share if count else -1.0, count

    return max((one for one in DELIMITERS if one != quote), key=fit)


def _unquoted(head: str, quote: str) -> str:
    """Return the text with a word in place of each quoted cell, up to a cell that does not end."""
    if not quote:
        return head
    mark, ends = re.escape(quote), f"{re.escape(DELIMITERS)}\r\n"
    begin = rf"(?:\A|(?<=[{ends}])){mark}"
    closed = rf"{begin}(?:[^{mark}]|{mark}{mark})*+{mark}(?=[{ends}]|\Z)"
    return re.split(begin, re.sub(closed, "quoted", head), maxsplit=1)[0]


def _unusable(header: list[str]) -> str:
    """Return the problem with the column names, or an empty text."""
    if not _is_utf8(header):
        return "the header is not UTF-8"
    twice = [name for name, count in Counter(filter(None, header)).items() if count > 1]
    return f"columns have the same name: {', '.join(map(repr, twice))}" if twice else ""


def _is_utf8(row: list[str]) -> bool:
    try:
        "".join(row).encode()
    except UnicodeEncodeError:
        return False
    return True


def _record(header: list[str], named: int, row: list[str], delimiter: str) -> dict[str, str] | BadRecord:
    if len(row) < named or any(row[len(header) :]):
        at = {"\t": "tabs"}.get(delimiter, f"{delimiter!r}")
        return BadRecord(f"the header has {len(header)} columns, the row {len(row)}, separated by {at}")
    if not _is_utf8(row):
        return BadRecord("not UTF-8")
    if named == len(header) == len(row) and "" not in header:  # the common case
        return dict(zip(header, row, strict=True))
    cells = enumerate(zip(header, row, strict=False), 1)
    return {name or f"column {place}": cell for place, (name, cell) in cells if name or cell}


def _rows(lines: _Lines, delimiter: str, quote: str) -> Iterator[tuple[int, list[str] | BadRecord]]:
    """Yield each row with the number of its first line; one of nothing but separators is empty.

    After a broken row, continue at the line after its first.

    An unclosed quote swallows the following lines until the next quote, the end of the file or the field
    limit. These lines are read again as rows of their own.
    """
    how = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE}
    while True:
        # Without strict, an unclosed quote would be accepted as a cell that extends to the end of the file.
        reader = csv.reader(lines, delimiter=delimiter, strict=True, **how)
        try:
            for row in reader:
                blank = not any(map(str.strip, row)) and lines.only(f"{delimiter} \t\r\n")
                line = lines.taken()
                if row:
                    yield line, [] if blank else row
            return
        except csv.Error as error:
            yield lines.give_back(), BadRecord(f"not CSV: {error}")


class _Lines:
    """The lines of a text. The lines of the current row are held so that they can be read again."""

    def __init__(self, text: io.TextIOWrapper, max_bytes: int) -> None:
        self._text = text
        self._max_bytes = max_bytes
        self._held: list[str] = []
        self._waiting: list[str] = []  # lines to read again, in reverse order
        self._first = 1  # the number of the first held line

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._waiting.pop() if self._waiting else self._text.readline(self._max_bytes)
        if not line:
            raise StopIteration
        self._held.append(line)
        return line

    def only(self, characters: str) -> bool:
        """Return whether the held lines have no other characters."""
        return not any(line.strip(characters) for line in self._held)

    def taken(self) -> int:
        """Release the held lines after a complete row; return the number of its first line."""
        first = self._first
        self._first += len(self._held)
        self._held = []
        return first

    def give_back(self) -> int:
        """Queue all held lines but the first to be read again; return the number of the first."""
        first = self._first
        self._first += 1
        self._waiting += reversed(self._held[1:])
        self._held = []
        return first
