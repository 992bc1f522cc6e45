"""Redaction of a call's content. Nothing is written when redaction fails or the task is metadata-only."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from insource.redaction import RedactedIncrements, Redactor
from insource.redaction.credentials import hiding
from insource.store.spool.frames import to_json

Document = Mapping[str, Any] | bytes

_REDACTION_FAILED = b'{"redaction":"failed"}'
_METADATA_ONLY = b'{"redaction":"metadata-only"}'


class Contents:
    """Returns the content writer of each task."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._kept = Content(redactor)
        self._left_out = MetadataOnly(redactor)

    def of(self, task: str) -> Content:
        return self._kept if self._redactor.keeps_content(task) else self._left_out


class Content:
    """Encodes the two halves of a call as members of a JSON object, redacted. Shared by all calls."""

    kept = True

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def begin(self, labels: dict[str, Any], caller: dict[str, Any], request: Document) -> bytes:
        """Encode the first half. ``labels`` classify the call; ``caller`` is free text from the caller."""
        tags = {str(name): str(value) for name, value in caller["tags"].items()}
        try:
            described = self._redactor.document(to_json({**labels, **caller, "tags": tags}))
        except Exception:  # unredacted content must never reach the disk
            described = to_json(labels)
        return _with(described, b"request", self._document(request))

    def end(
        self,
        model: str,
        text: str,
        error: str,
        response: Document | None,
        keys: Sequence[str] = (),
    ) -> bytes:
        """Encode the second half. ``keys`` are removed wherever they occur, whatever form they have."""
        try:
            if hider := hiding(keys):
                text, error = hider.text(text), hider.text(error)
            fields = {"model_answered": model, "response_text": text, "error": error}
            said = self._redactor.document(to_json(fields))
        except Exception:  # as above
            said = to_json({"model_answered": model})
        return said if response is None else _with(said, b"response", self._document(response, keys))

    def text(self, text: str) -> str:
        """Return a text of the call redacted, empty where it may not be kept."""
        try:
            return str(json.loads(self._redactor.document(to_json({"text": text})))["text"]) if text else ""
        except Exception:  # as above
            return ""

    def increments(self) -> RedactedIncrements:
        return RedactedIncrements(self._redactor)

    def _document(self, document: Document, keys: Sequence[str] = ()) -> bytes:
        try:
            written = document if isinstance(document, bytes) else to_json(dict(document))
            if hider := hiding(keys):
                written = hider.document(written)
            return self._redactor.document(written)
        except Exception:  # as above
            return _REDACTION_FAILED


class MetadataOnly(Content):
    """Writes no content: no request, answer, error text, user or tag."""

    kept = False

    def begin(self, labels: dict[str, Any], caller: dict[str, Any], request: Document) -> bytes:
        return super().begin(labels, {"user": "", "tags": {}}, _METADATA_ONLY)

    def end(
        self,
        model: str,
        text: str,
        error: str,
        response: Document | None,
        keys: Sequence[str] = (),
    ) -> bytes:
        return super().end(model, "", "metadata-only" if error else "", None)

    def text(self, text: str) -> str:
        return ""


def redacted_increment(increments: RedactedIncrements, text: str) -> str:
    """Return the text that can be written; empty when redaction fails."""
    try:
        return increments.add(text)
    except Exception:  # as above
        return ""


def _with(members: bytes, name: bytes, document: bytes) -> bytes:
    return b'%s,"%s":%s}' % (members[:-1], name, document)
