"""Extract the text of e-mails: the headers that a reader sees, and every part that is shown as text."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage
from typing import cast

from insource.dataset.rows.records import BadRow
from insource.dataset.sources.extract.extracted import Extracted, decoded
from insource.dataset.sources.extract.html import text_of_html

ATTACHMENTS = "attachments"

_READ = ("text/plain", "text/html")  # the first is preferred among alternatives
_SHOWN_HEADERS = ("From", "To", "Date", "Subject")


def mail(data: bytes, encoding: str) -> Extracted:
    """Return the headers and the text of an e-mail; other parts are named as ``attachments``.

    Of alternatives, the plain text is read. Mail programs also put texts before and after a picture: all are
    read in their order.

    Raises:
        BadRow: ``unreadable-document``, ``unknown-encoding``.
        PrerequisiteError: ``missing-extra`` for HTML.
    """
    try:
        message = email.message_from_bytes(data, policy=email.policy.default)
        headers = [f"{name}: {message[name]}" for name in _SHOWN_HEADERS if message[name]]
        parts = [_text(part, encoding) for part in _shown(message)]
    except BadRow:
        raise
    # of the parser, on broken headers, and on parts that are nested too deep
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        raise BadRow("unreadable-document", f"not a readable e-mail: {error}") from error
    body = "\n\n".join(part.text for part in parts if part.text)
    if not headers and not body.strip():
        raise BadRow("unreadable-document", "not an e-mail: it has neither headers nor a text")
    return Extracted(
        "\n".join(headers) + "\n\n" + body,
        guessed=next((part.guessed for part in parts if part.guessed), ""),
        unread=tuple(sorted({name for part in parts for name in part.unread})),
    )


def _shown(part: EmailMessage) -> Iterator[EmailMessage]:
    """Yield the parts that a mail program shows one after the other, and those it offers as files."""
    if part.get_content_maintype() != "multipart" or not part.is_multipart():
        yield part
        return
    children = [cast(EmailMessage, child) for child in part.iter_parts()]
    if part.get_content_type() == "multipart/alternative":
        chosen = next((one for kind in _READ for one in children if _has(one, kind)), None)
        files = [one for one in children if one is not chosen and (chosen is None or one.is_multipart())]
        children = [] if chosen is None else [chosen]
        # Mail programs put files into one of the alternatives, next to its text.
        yield from (leaf for one in files for leaf in _shown(one) if not _is_read(leaf))
    for child in children:
        yield from _shown(child)


def _has(part: EmailMessage, kind: str) -> bool:
    return any(leaf.get_content_type() == kind and _is_read(leaf) for leaf in part.walk())


def _is_read(part: EmailMessage) -> bool:
    return part.get_content_type() in _READ and not part.is_attachment()


def _text(part: EmailMessage, encoding: str) -> Extracted:
    if not _is_read(part):
        return Extracted("", unread=(ATTACHMENTS,))
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes) or not content:
        return Extracted("")
    found = decoded(content, part.get_content_charset() or "", encoding)
    return text_of_html(found) if part.get_content_subtype() == "html" else found
