"""The bytes that each token of a GGUF file's vocabulary stands for."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from insource.models.control_tokens import CONTROL_TYPES, STOP_TOKEN, TOKENS, TYPES
from insource.models.gguf_metadata import read_values

MODEL = "tokenizer.ggml.model"
BYTE_TYPE = 6  # ``<0x0A>`` in a SentencePiece vocabulary


def token_bytes(gguf: Path) -> list[bytes]:
    """Return the bytes of each token, in the order of the ids; of a control token, its spelling.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no whole GGUF file, or its vocabulary is of an unknown kind.
        KeyError: it has no vocabulary.
    """
    found = read_values(gguf, MODEL, TOKENS, TYPES, STOP_TOKEN)
    as_bytes = {"gpt2": _byte_level, "llama": _sentence_piece}.get(found[MODEL])
    if as_bytes is None:
        raise ValueError(f"vocabularies of the kind {found[MODEL]!r} are not known")
    stop = found[STOP_TOKEN]
    return [
        token.encode() if kind in CONTROL_TYPES or place == stop else as_bytes(token, kind)
        for place, (token, kind) in enumerate(zip(found[TOKENS], found[TYPES], strict=True))
    ]


def _byte_level(token: str, kind: int) -> bytes:
    table = _byte_of_character()
    # A token that was added by hand holds plain text.
    return bytes(table[one] for one in token) if all(one in table for one in token) else token.encode()


def _sentence_piece(token: str, kind: int) -> bytes:
    return bytes([int(token[1:-1], 16)]) if kind == BYTE_TYPE else token.replace("▁", " ").encode()


@lru_cache(maxsize=1)
def _byte_of_character() -> dict[str, int]:
    """Return the byte that each character of a byte-level vocabulary stands for.

    Source: ``bytes_to_unicode`` of GPT-2: printable bytes stand for themselves, the others for the
    characters from U+0100 on, in order.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + at): byte for at, byte in enumerate(others)}
