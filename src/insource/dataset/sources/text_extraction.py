"""Extract the text of a document (plain, Markdown, HTML, PDF, Word, e-mail) and detect its encoding."""

from __future__ import annotations

import codecs
import email
import email.policy
import io
import logging
import re
import zipfile
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NamedTuple, cast

from insource.dataset.rows.records import BadRow
from insource.foundation.errors import missing_extra

MAX_DOCUMENT_BYTES = 64 << 20
MAX_UNPACKED_BYTES = 256 << 20

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
_META_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?([\w-]+)", re.IGNORECASE)
_OLE = b"\xd0\xcf\x11\xe0"
_SHOWN_HEADERS = ("From", "To", "Date", "Subject")


class Extracted(NamedTuple):
    """A document's text, and the encoding it was read in where that was a guess."""

    text: str
    guessed: str = ""


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
        raise BadRow("empty-document", "there is no text in it")
    return found._replace(text=_storable(found.text))


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


def _html(data: bytes, encoding: str) -> Extracted:
    declared = _META_CHARSET.search(data[:4096])
    found = decoded(data, declared[1].decode("ascii") if declared else "", encoding)
    return found._replace(text=_text_of_html(found.text))


def _text_of_html(html: str) -> str:
    try:
        import inscriptis
        from lxml.etree import ParserError
    except ImportError as error:
        raise missing_extra("Reading HTML", "documents", "inscriptis") from error
    try:
        return str(inscriptis.get_text(html)).strip()
    except (ParserError, ValueError, RecursionError) as error:
        raise BadRow("unreadable-document", f"not HTML: {error}") from error


def _pdf(data: bytes, _: str) -> Extracted:
    try:
        import pypdf
    except ImportError as error:
        raise missing_extra("Reading PDF", "documents", "pypdf") from error
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # its warnings are of no use without a file name
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not _opens(reader):
            raise BadRow("encrypted-document", "the PDF asks for a password")
        pages = [page.extract_text() for page in reader.pages]
    except BadRow:
        raise
    except Exception as error:  # a damaged PDF raises whatever the damage happens to break
        raise BadRow("unreadable-document", f"not a readable PDF: {type(error).__name__}: {error}") from error
    text = "\n\n".join(pages)
    if not text.strip():
        raise BadRow("empty-document", f"no text on its {len(pages)} pages; scanned pages are not read")
    return Extracted(text)


def _opens(reader: Any) -> bool:
    """Return whether the empty password opens it, as for documents that only forbid printing."""
    try:
        return bool(reader.decrypt(""))
    except Exception:  # an algorithm that needs a library that is not here
        return False


def _docx(data: bytes, _: str) -> Extracted:
    try:
        import docx
    except ImportError as error:
        raise missing_extra("Reading Word documents", "documents", "docx") from error
    if data.startswith(_OLE):
        raise BadRow("encrypted-document", "protected by a password, or of Word before 2007")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > MAX_UNPACKED_BYTES:
            raise BadRow("document-too-large", f"{unpacked >> 20} MB when unpacked")
        return Extracted("\n".join(_blocks(docx.Document(io.BytesIO(data)))))
    except BadRow:
        raise
    except Exception as error:  # a damaged archive raises whatever the damage happens to break
        problem = f"not a readable Word document: {type(error).__name__}: {error}"
        raise BadRow("unreadable-document", problem) from error


def _blocks(container: Any) -> Iterator[str]:
    """Paragraphs and tables in their order; the cells of a row stand on one line."""
    for block in container.iter_inner_content():
        if hasattr(block, "rows"):
            for row in block.rows:
                yield "\t".join(" ".join(_blocks(cell)) for cell in row.cells)
        else:
            yield block.text


def _eml(data: bytes, encoding: str) -> Extracted:
    try:
        message = email.message_from_bytes(data, policy=email.policy.default)
        headers = [f"{name}: {message[name]}" for name in _SHOWN_HEADERS if message[name]]
        body = message.get_body(("plain", "html"))
        found = Extracted("") if body is None else _body(cast(EmailMessage, body), encoding)
    except BadRow:
        raise
    except (ValueError, LookupError, AttributeError, TypeError) as error:  # of the parser, on broken headers
        raise BadRow("unreadable-document", f"not a readable e-mail: {error}") from error
    if not headers and not found.text.strip():
        raise BadRow("unreadable-document", "not an e-mail: it has neither headers nor a text")
    return found._replace(text="\n".join(headers) + "\n\n" + found.text)


def _body(part: EmailMessage, encoding: str) -> Extracted:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes) or not content:
        return Extracted("")
    found = decoded(content, part.get_content_charset() or "", encoding)
    return found._replace(text=_text_of_html(found.text)) if part.get_content_subtype() == "html" else found


def _storable(text: str) -> str:
    """Without halves of surrogate pairs, which PDFs hold and UTF-8 does not."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


EXTRACTORS: dict[str, Callable[[bytes, str], Extracted]] = {
    ".txt": decoded,
    ".md": decoded,
    ".html": _html,
    ".htm": _html,
    ".pdf": _pdf,
    ".docx": _docx,
    ".eml": _eml,
}
