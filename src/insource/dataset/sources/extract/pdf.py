"""Extract the text of PDFs: page by page what is printed, then what was filled in or typed on top of it."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from typing import Any

from insource.dataset.rows.records import BadRow
from insource.dataset.sources.extract.extracted import Extracted
from insource.dataset.sources.extract.pdf_forms import Filled
from insource.dataset.sources.extract.pdf_objects import entries, items, text
from insource.foundation.errors import missing_extra


def pdf(data: bytes, _: str) -> Extracted:
    """Return the text of a PDF.

    After the text of a page, a line for each field that is filled in there, from top to bottom:
    ``name: value``. Texts that were typed onto the page are lines of their own. A document that opens with an
    empty password is read.

    Raises:
        BadRow: ``encrypted-document``, ``unreadable-document``, ``empty-document``.
        PrerequisiteError: ``missing-extra``.
    """
    try:
        import pypdf
    except ImportError as error:
        raise missing_extra("Reading PDF", "documents", "pypdf") from error
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # its warnings are of no use without a file name
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not _opens(reader):
            raise BadRow("encrypted-document", "the PDF asks for a password")
        filled = Filled()
        unread = set(_of_document(reader))
        pages = []
        for page in reader.pages:
            printed = page.extract_text()
            pages.append("\n".join(filter(None, (printed, *filled.lines(page)))))
            unread.update(_pictures(page, printed))
    except BadRow:
        raise
    except Exception as error:  # a damaged PDF raises whatever the damage happens to break
        raise BadRow("unreadable-document", f"not a readable PDF: {type(error).__name__}: {error}") from error
    whole = "\n\n".join(pages)
    if not whole.strip():
        raise BadRow("empty-document", f"no text on its {len(pages)} pages; scanned pages are not read")
    return Extracted(whole, unread=tuple(sorted(unread | filled.unread)))


def _opens(reader: Any) -> bool:
    """Return whether the empty password opens it, as for documents that only forbid printing."""
    try:
        return bool(reader.decrypt(""))
    except Exception:  # an algorithm that needs a library that is not here
        return False


def _of_document(reader: Any) -> Iterator[str]:
    """Yield the names of what the document holds beside its pages."""
    root = reader.root_object
    if "/EmbeddedFiles" in entries(root.get("/Names")):
        yield "attached files"
    form = entries(root.get("/AcroForm"))
    if "/XFA" in form and not items(form.get("/Fields")):
        yield "an XFA form"


def _pictures(page: Any, printed: str) -> Iterator[str]:
    kinds = set(_drawn(page))
    if not printed.strip() and (kinds or page.get_contents()):
        yield "pages without text"
    elif "/Image" in kinds:
        yield "pictures"


def _drawn(page: dict[str, Any]) -> Iterator[str]:
    """Yield the kinds of what a page may draw, also within the drawings on it."""
    seen: dict[int, Any] = {}
    waiting = [page]
    while waiting:
        drawings = entries(entries(waiting.pop().get("/Resources")).get("/XObject"))
        for one in map(entries, drawings.values()):
            if id(one) not in seen:
                seen[id(one)] = one
                waiting.append(one)
                yield text(one.get("/Subtype"))
