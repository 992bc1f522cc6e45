"""The vocabulary of a GGUF file, as the tokenizer by which grammar and confidence are computed.

An exported model has a ``tokenizer.json`` beside it; any other base model has its GGUF file alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from insource.foundation.errors import DataError
from insource.models.control_tokens import CONTROL_TYPES, STOP_TOKEN, TOKENS, TYPES
from insource.models.gguf_metadata import read_values

MODEL = "tokenizer.ggml.model"
BYTE_TYPE = 6  # ``<0x0A>`` in a SentencePiece vocabulary
# llguidance knows a control token by this first byte.
CONTROL_MARK = b"\xff"


class _Vocabulary(NamedTuple):
    """What llguidance asks of a tokenizer. Nothing here tokenises a text: masks need the tokens alone."""

    tokens: list[bytes]
    eos_token_id: int
    bos_token_id: int | None = None
    special_token_ids: Sequence[int] = ()

    def __call__(self, text: bytes | str) -> list[int]:
        by_bytes = {token: place for place, token in enumerate(self.tokens) if len(token) == 1}
        return [by_bytes[bytes([byte])] for byte in (text.encode() if isinstance(text, str) else text)]


@lru_cache(maxsize=4)
def tokenizer_of(gguf: Path) -> Any:
    """Return the ``llguidance.LLTokenizer`` of a GGUF file; cached.

    Raises:
        DataError: ``tokenizer-unreadable`` for a damaged file or a vocabulary of an unknown kind.
    """
    from llguidance import LLTokenizer, TokenizerWrapper

    try:
        vocabulary = _vocabulary(gguf)
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            "tokenizer-unreadable",
            f"The vocabulary of {gguf} cannot be read: {error}",
            hint="Answers of this model have no confidence; choose another base model to route by it.",
        ) from error
    return LLTokenizer(TokenizerWrapper(vocabulary), n_vocab=len(vocabulary.tokens))


def _vocabulary(gguf: Path) -> _Vocabulary:
    found = read_values(gguf, MODEL, TOKENS, TYPES, STOP_TOKEN)
    as_bytes = {"gpt2": _byte_level, "llama": _sentence_piece}.get(found[MODEL])
    if as_bytes is None:
        raise ValueError(f"vocabularies of the kind {found[MODEL]!r} are not known")
    stop = found[STOP_TOKEN]
    tokens, special = [], []
    for place, (token, kind) in enumerate(zip(found[TOKENS], found[TYPES], strict=True)):
        if kind in CONTROL_TYPES or place == stop:
            special.append(place)
            tokens.append(CONTROL_MARK + token.encode())
        else:
            tokens.append(as_bytes(token, kind))
    return _Vocabulary(tokens, stop, special_token_ids=special)


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
