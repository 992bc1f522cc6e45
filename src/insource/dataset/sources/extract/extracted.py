"""The text of a document as it was found, and the decoding of bytes whose encoding may be unknown."""

from __future__ import annotations

import codecs
from typing import NamedTuple

from insource.dataset.rows.records import BadRow
from insource.foundation.errors import missing_extra

_DETECTED_BYTES = 1 << 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Never a guess: short texts in Latin-1 look like them, and no file of a desktop is in one.
_EBCDIC = ("cp037", "cp273", "cp424", "cp500", "cp875", "cp1026", "cp1140")


class Extracted(NamedTuple):
    """A document's text.

    ``guessed`` is the encoding it was read in where that was a guess. ``unread`` names what the document
    holds beside its text, sorted and in the plural: ``pictures``, ``comments``.
    """

    text: str
    guessed: str = ""
    unread: tuple[str, ...] = ()


def decoded(data: bytes, *declared: str) -> Extracted:
    """Text in the encoding that its mark says, UTF-8, the first ``declared`` one that fits, or the likeliest.

    Raises:
        BadRow: ``unknown-encoding``.
        PrerequisiteError: ``missing-extra``.
    """
    marked = next((name for mark, name in _MARKS if data.startswith(mark)), "")
    for encoding in filter(None, (marked, "utf-8", *declared)):
        try:
            text = data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
        if "\0" not in text:
            return Extracted(text.replace("\r\n", "\n"))
    try:
        from charset_normalizer import from_bytes
    except ImportError as error:
        raise missing_extra("Detecting an encoding", "documents", "charset_normalizer") from error
    best = from_bytes(data[:_DETECTED_BYTES], cp_exclusion=list(_EBCDIC)).best()
    encoding = best.encoding if best else ""
    try:
        text = data.decode(encoding) if encoding else "\0"
    except UnicodeDecodeError as error:
        raise BadRow("unknown-encoding", f"looks like {encoding}, but {error.reason}") from error
    if "\0" in text:
        raise BadRow("unknown-encoding", "neither UTF-8 nor any other text")
    return Extracted(text.replace("\r\n", "\n"), guessed=encoding)
