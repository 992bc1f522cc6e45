"""Find out whether the grammar can write an answer, and where it stops."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from insource.contract.asked import for_asked
from insource.contract.grammar import compile_grammar
from insource.contract.resolved import schema_text
from insource.contract.validate import path_of
from insource.foundation.errors import DataError
from insource.types import Labels, OutputSpec

MAX_SHOWN = 60
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}:,]|[^\s\[\]{}:,"]+')


def unwritable(text: str, contract: OutputSpec | Mapping[str, Any]) -> str:
    """Return where the grammar of a contract stops in a canonical answer that fits it, empty when nowhere.

    Which fields are required makes no difference: the answer has those that it needs. A contract of which
    no grammar can be made stops nothing here; ``limits`` names it.
    """
    if isinstance(contract, Labels):
        matcher = _matcher_of_labels(contract.names)
    elif isinstance(contract, Mapping):
        matcher = _matcher_of_schema(schema_text(contract))
    else:
        return ""
    if matcher is None:
        return ""
    said = text.encode()
    # Validating is a sixth of the work of consuming; the end of the text is a token, too.
    read = matcher.deep_copy().validate_tokens([*said, _bytes().eos_token])
    return "" if read > len(said) else _stopped(text, len(said[:read].decode(errors="ignore")))


@lru_cache(maxsize=64)
def _matcher_of_schema(schema: str) -> Any:
    try:
        return _matcher(compile_grammar(for_asked(json.loads(schema), ())).text)
    except DataError:
        return None


@lru_cache(maxsize=8)
def _matcher_of_labels(names: tuple[str, ...]) -> Any:
    return _matcher(compile_grammar(Labels(names=names)).text)


def _matcher(grammar: str | None) -> Any:
    from llguidance import LLMatcher

    return LLMatcher(_bytes(), grammar, log_level=0)


@lru_cache(maxsize=1)
def _bytes() -> Any:
    """Return a tokenizer of single bytes: whatever the tokenizer, a grammar accepts the same texts."""
    from llguidance import LLTokenizer

    return LLTokenizer("byte")


def _stopped(text: str, at: int) -> str:
    """Return path and token at ``at``, in characters: ``lines[0].qty: the grammar does not write 2.0``."""
    path: list[Any] = []
    token = text
    for match in _TOKEN.finditer(text):
        token = match[0]
        if match.end() > at and token != ",":  # after a comma, what it leads to is refused
            break
        if token in "{[":
            path.append(0 if token == "[" else None)
        elif token in "}]":
            path.pop()
        elif token == "," and path:
            path[-1] = path[-1] + 1 if isinstance(path[-1], int) else None
        elif path and path[-1] is None:
            path[-1] = json.loads(token)
    place = path_of([part for part in path if part is not None])
    return f"{place}: the grammar does not write {token[:MAX_SHOWN]}"
