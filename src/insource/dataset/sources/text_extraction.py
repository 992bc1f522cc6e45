"""Extract the text of a document by its suffix: plain, Markdown, HTML, PDF, Word, e-mail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from insource.dataset.rows.records import BadRow
from insource.dataset.sources.extract.extracted import Extracted, decoded
from insource.dataset.sources.extract.html import html
from insource.dataset.sources.extract.mail import mail
from insource.dataset.sources.extract.pdf import pdf
from insource.dataset.sources.extract.word import word

MAX_DOCUMENT_BYTES = 64 << 20

EXTRACTORS: dict[str, Callable[[bytes, str], Extracted]] = {
    ".txt": decoded,
    ".md": decoded,
    ".html": html,
    ".htm": html,
    ".pdf": pdf,
    ".docx": word,
    ".eml": mail,
}


def text_of_document(path: Path, encoding: str = "") -> Extracted:
    """Return the text of a document of a known kind (``EXTRACTORS``).

    ``encoding`` is tried before an encoding is guessed.

    Raises:
        BadRow: ``unreadable-document``, ``encrypted-document``, ``empty-document``,
            ``document-too-large``, ``unknown-encoding``, each with what is wrong.
        PrerequisiteError: ``missing-extra`` when the library for its kind is not installed.
    """
    try:
        if (size := path.stat().st_size) > MAX_DOCUMENT_BYTES:
            detail = f"{size >> 20} MB, and at most {MAX_DOCUMENT_BYTES >> 20} MB are read"
            raise BadRow("document-too-large", detail)
        data = path.read_bytes()
    except OSError as error:
        raise BadRow("unreadable-document", str(error.strerror or error)) from error
    if not data:
        raise BadRow("empty-document", "the file has no bytes")
    found = EXTRACTORS[path.suffix.lower()](data, encoding)
    if not found.text.strip():
        but = f", only what is not read: {', '.join(found.unread)}" if found.unread else ""
        raise BadRow("empty-document", f"there is no text in it{but}")
    return found._replace(text=_storable(found.text))


def _storable(text: str) -> str:
    """Without halves of surrogate pairs, which PDFs hold and UTF-8 does not."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
