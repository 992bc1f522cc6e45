"""Extract the text of HTML."""

from __future__ import annotations

import re

from insource.dataset.rows.records import BadRow
from insource.dataset.sources.extract.extracted import Extracted, decoded
from insource.foundation.errors import missing_extra

_META_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?([\w-]+)", re.IGNORECASE)


def html(data: bytes, encoding: str) -> Extracted:
    """Return the text of a page in the encoding it declares, or else in ``encoding``.

    Raises:
        BadRow: ``unreadable-document``, ``unknown-encoding``.
        PrerequisiteError: ``missing-extra``.
    """
    declared = _META_CHARSET.search(data[:4096])
    found = decoded(data, declared[1].decode("ascii") if declared else "", encoding)
    return found._replace(text=text_of_html(found.text))


def text_of_html(page: str) -> str:
    """Return the text of a decoded page, as ``html`` does."""
    try:
        import inscriptis
        from lxml.etree import ParserError
    except ImportError as error:
        raise missing_extra("Reading HTML", "documents", "inscriptis") from error
    try:
        return str(inscriptis.get_text(page)).strip()
    except (ParserError, ValueError, RecursionError) as error:
        raise BadRow("unreadable-document", f"not HTML: {error}") from error
