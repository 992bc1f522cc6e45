"""Extract the text of HTML."""

from __future__ import annotations

import re

from insource.dataset.rows.records import BadRow
from insource.dataset.sources.extract.extracted import Extracted, decoded
from insource.foundation.errors import missing_extra

_UNREAD = {
    **dict.fromkeys(("img", "svg", "canvas"), "pictures"),
    **dict.fromkeys(("iframe", "object", "embed"), "embedded documents"),
    **dict.fromkeys(("audio", "video"), "media"),
    "input": "values of a form",
}
_ELEMENT = re.compile(r"<(img|svg|canvas|iframe|object|embed|audio|video)\b", re.IGNORECASE)
_INPUT = re.compile(r"<(input)\b(?![^<>]*type\s*=\s*[\"']?hidden)[^<>]*\svalue\s*=", re.IGNORECASE)
_META_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?([\w-]+)", re.IGNORECASE)


def html(data: bytes, encoding: str) -> Extracted:
    """Return the text of a page in the encoding it declares, or else in ``encoding``, and what is no text.

    Raises:
        BadRow: ``unreadable-document``, ``unknown-encoding``.
        PrerequisiteError: ``missing-extra``.
    """
    declared = _META_CHARSET.search(data[:4096])
    found = decoded(data, declared[1].decode("ascii") if declared else "", encoding)
    return text_of_html(found)


def text_of_html(page: Extracted) -> Extracted:
    """Return the text of a decoded page, as ``html`` does."""
    try:
        import inscriptis
        from lxml.etree import ParserError
    except ImportError as error:
        raise missing_extra("Reading HTML", "documents", "inscriptis") from error
    try:
        text = str(inscriptis.get_text(page.text)).strip()
    except (ParserError, ValueError, RecursionError) as error:
        raise BadRow("unreadable-document", f"not HTML: {error}") from error
    found = (one.lower() for sign in (_ELEMENT, _INPUT) for one in sign.findall(page.text))
    return page._replace(text=text, unread=tuple(sorted({_UNREAD[name] for name in found})))
