"""Parse OpenAI embeddings. The vectors are not kept, only their number and dimensions."""

from __future__ import annotations

from typing import Any

import msgspec

from insource.providers.dialect import Dialect, count, decoded, dicts, error_of, string
from insource.providers.usage import read_usage
from insource.types import Usage

_BYTES_PER_FLOAT = 4


class _Item(msgspec.Struct):
    embedding: msgspec.Raw = msgspec.Raw()


class _Document(msgspec.Struct):
    data: list[_Item] = []


_ANSWERS = frozenset(("embedding", "embeddings", "usage"))
_vectors = msgspec.json.Decoder(_Document).decode
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class EmbeddingsDialect(Dialect):
    """``response`` is the document with ``data`` replaced by ``{"count": …, "dimensions": …}``.

    Embeddings have no finish reason; a document with vectors gets "stop".
    """

    def __init__(self) -> None:
        super().__init__()
        self._kept: dict[str, Any] = {}

    @property
    def response(self) -> dict[str, Any] | None:
        return self._kept or None

    @property
    def usage(self) -> Usage:
        """Embeddings write no output tokens, so that count is 0, not unknown; all in the total was read."""
        reported = self._kept.get("usage") or self._kept.get("usageMetadata")
        read = read_usage(reported).input_tokens
        read = count(reported, "total_tokens") if read is None else read
        return Usage(input_tokens=read, output_tokens=None if read is None else 0)

    def whole(self, data: bytes) -> None:
        try:
            fields, vectors = _fields(data), _vectors(data).data
        except (ValueError, RecursionError):
            super().whole(data)
            return
        kept = {name: decoded(bytes(value)) for name, value in fields.items() if name != "data"}
        self._keep(kept, len(vectors), _dimensions(bytes(vectors[0].embedding)) if vectors else 0)
        self.answered = self.answered or "data" in fields

    def _document(self, document: dict[str, Any]) -> None:
        vectors = [item.get("embedding") for item in dicts(document.get("data"))]
        dimensions = len(vectors[0]) if vectors and isinstance(vectors[0], list) else 0
        kept = {name: value for name, value in document.items() if name != "data"}
        self._keep(kept, len(vectors), dimensions)

    def _keep(self, kept: dict[str, Any], vectors: int, dimensions: int) -> None:
        self._kept = kept
        self.model = string(kept.get("model"))
        self.error = error_of(kept)
        self.answered = bool(vectors) or not _ANSWERS.isdisjoint(kept)
        if vectors:
            self._kept["data"] = {"count": vectors, "dimensions": dimensions}
            self.finish_reason = "stop"


def _dimensions(vector: bytes) -> int:
    """Return the length of a vector, given as a list of numbers or as base64 of four bytes per number."""
    if not vector.startswith(b'"'):
        return vector.count(b",") + 1
    return (len(vector.strip(b'"').rstrip(b"=")) * 3 // 4) // _BYTES_PER_FLOAT
