"""OpenAI's embeddings. The vectors are not kept: how many there were, and of how many dimensions, is."""

from __future__ import annotations

from typing import Any

import msgspec

from insource.providers.dialect import Dialect, count, decoded, error_of, string
from insource.types import Usage

_BYTES_PER_FLOAT = 4


class _Item(msgspec.Struct):
    embedding: msgspec.Raw = msgspec.Raw()


class _Document(msgspec.Struct):
    data: list[_Item] = []


_vectors = msgspec.json.Decoder(_Document).decode
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class EmbeddingsDialect(Dialect):
    """``response`` is the document with ``data`` as ``{"count": …, "dimensions": …}``.

    There is nothing that an embedding could stop for: a document with vectors is finished by "stop".
    """

    def __init__(self) -> None:
        super().__init__()
        self._kept: dict[str, Any] = {}

    @property
    def response(self) -> dict[str, Any] | None:
        return self._kept or None

    @property
    def usage(self) -> Usage:
        """Embeddings write no tokens; that is known, not unknown."""
        read = count(self._kept.get("usage"), "prompt_tokens")
        return Usage(input_tokens=read, output_tokens=None if read is None else 0)

    def whole(self, data: bytes) -> None:
        try:
            fields, vectors = _fields(data), _vectors(data).data
        except (ValueError, RecursionError):
            fields, vectors = {}, []
            if isinstance(document := decoded(data), dict):
                self.error = error_of(document)
        self._kept = {name: decoded(bytes(value)) for name, value in fields.items() if name != "data"}
        self.model = string(self._kept.get("model"))
        self.error = self.error or error_of(self._kept)
        if vectors:
            self._kept["data"] = {
                "count": len(vectors),
                "dimensions": _dimensions(bytes(vectors[0].embedding)),
            }
            self.finish_reason = "stop"


def _dimensions(vector: bytes) -> int:
    """The length of a vector: a list of numbers, or four bytes each in base64."""
    if not vector.startswith(b'"'):
        return vector.count(b",") + 1
    return (len(vector.strip(b'"').rstrip(b"=")) * 3 // 4) // _BYTES_PER_FLOAT
