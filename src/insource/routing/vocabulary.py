"""The vocabulary of a GGUF file, as the tokenizer by which grammar and confidence are computed.

An exported model has a ``tokenizer.json`` beside it; any other base model has its GGUF file alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from insource.foundation.errors import DataError
from insource.models.control_tokens import CONTROL_TYPES, STOP_TOKEN, TYPES
from insource.models.gguf_metadata import read_values
from insource.models.token_bytes import token_bytes

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
    found = read_values(gguf, TYPES, STOP_TOKEN)
    stop = found[STOP_TOKEN]
    tokens, special = token_bytes(gguf), []
    for place, kind in enumerate(found[TYPES]):
        if kind in CONTROL_TYPES or place == stop:
            special.append(place)
            tokens[place] = CONTROL_MARK + tokens[place]
    return _Vocabulary(tokens, stop, special_token_ids=special)
