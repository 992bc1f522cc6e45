"""Parse answers of all other endpoints: speech, images, moderation, ranking, unknown ones."""

from __future__ import annotations

from typing import Any

from insource.providers.dialect import Dialect, dicts, error_of, string
from insource.providers.usage import read_usage
from insource.types import Usage

_LONGEST_WORD = 1000  # characters; longer text without a space is taken for a base64 file


class OtherDialect(Dialect):
    """Keeps the document without embedded files; of a stream, the last event's document."""

    def __init__(self) -> None:
        super().__init__()
        self._whole: dict[str, Any] | None = None
        self._said: list[str] = []

    @property
    def text(self) -> str:
        """The transcript."""
        return string((self._whole or {}).get("text")) or "".join(self._said)

    @property
    def response(self) -> dict[str, Any] | None:
        return self._whole

    @property
    def usage(self) -> Usage:
        """The tokens; those of images have their own prices, see ``billing_of``.

        A batch object repeats the counts of its creation at every retrieval, so they are not counted here.
        """
        document = self._whole or {}
        counts = document.get("usage")
        if not isinstance(counts, dict) or document.get("object") == "batch":
            return Usage()
        return read_usage(counts, cache_apart=False)

    @property
    def finished(self) -> bool:
        return True  # these streams have no end marker: one that ends without an error is complete

    def whole(self, data: bytes) -> None:
        """Parse one document, or one a line. Some of these endpoints answer with a list, or with nothing."""
        document = self._decoded(data)
        found = [document] if document is not None else [self._decoded(line) for line in data.splitlines()]
        self.answered = None not in found
        for one in dicts(found if self.answered else []):
            self._document(one)

    def _event(self, document: dict[str, Any]) -> str:
        self.answered = True
        self._document(document)
        new = string(document.get("delta")) if string(document.get("type")).endswith("text.delta") else ""
        self._said.append(new)
        return new

    def _document(self, document: dict[str, Any]) -> None:
        self._whole = {name: _without_files(value) for name, value in document.items()}
        self.model = string(document.get("model")) or self.model
        self.error = error_of(document) or self.error


def _without_files(value: Any) -> Any:
    if isinstance(value, str):
        is_file = len(value) > _LONGEST_WORD and value.isascii() and " " not in value
        return f"({len(value)} characters)" if is_file else value
    if isinstance(value, dict):
        return {name: _without_files(item) for name, item in value.items()}
    return [_without_files(item) for item in value] if isinstance(value, list) else value
