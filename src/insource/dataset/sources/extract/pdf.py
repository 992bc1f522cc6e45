"""Extract the text of PDFs: page by page what is printed, then what was filled in or typed on top of it."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from typing import Any

from insource.dataset.rows.records import BadRow
from insource.dataset.sources.extract.extracted import Extracted
from insource.dataset.sources.extract.pdf_forms import Filled
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
    text = "\n\n".join(pages)
    if not text.strip():
        raise BadRow("empty-document", f"no text on its {len(pages)} pages; scanned pages are not read")
    return Extracted(text, unread=tuple(sorted(unread | filled.unread)))


def _opens(reader: Any) -> bool:
    """Return whether the empty password opens it, as for documents that only forbid printing."""
    try:
        return bool(reader.decrypt(""))
    except Exception:  # an algorithm that needs a library that is not here
        return False


def _of_document(reader: Any) -> Iterator[str]:
    """Yield the names of what the document holds beside its pages."""
    root = reader.root_object
    names = root.get("/Names")
    if names is not None and "/EmbeddedFiles" in names.get_object():
        yield "attached files"
    form = root.get("/AcroForm")
    if form is not None and "/XFA" in form.get_object() and not form.get_object().get("/Fields"):
        yield "an XFA form"


def _pictures(page: Any, printed: str) -> Iterator[str]:
    resources = page.get("/Resources")
    found = None if resources is None else resources.get_object().get("/XObject")
    drawn = [] if found is None else [one.get_object() for one in found.get_object().values()]
    if not printed.strip() and (drawn or page.get_contents()):
        yield "pages without text"
    elif any(one.get("/Subtype") == "/Image" for one in drawn):
        yield "pictures"
