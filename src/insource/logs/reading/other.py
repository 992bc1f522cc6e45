"""Whatever else passes: models, files, batches, token counts."""

from __future__ import annotations

from typing import Any

from insource.logs.reading.dialect import Dialect, error_of, string


class OtherDialect(Dialect):
    """Keeps the document. Its counts are not read: a batch or a stored answer that is looked at again
    reports what was counted when it was made."""

    def __init__(self) -> None:
        super().__init__()
        self._whole: dict[str, Any] | None = None

    @property
    def response(self) -> dict[str, Any] | None:
        return self._whole

    def _event(self, document: dict[str, Any]) -> str:
        self._document(document)
        return ""

    def _document(self, document: dict[str, Any]) -> None:
        self._whole = document
        self.model = string(document.get("model")) or self.model
        self.error = error_of(document) or self.error
