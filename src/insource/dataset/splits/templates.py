"""Reduce a document to its template: its text without what changes from one document to the next.

Source: masked text as the identity of a template, Laatiri et al. 2023 (arXiv 2304.14936), where replicated
templates between training and test made up to 10 points of the reported F1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from insource.formats.strict_json import as_object
from insource.similarity.normal_text import normalised

# One try a word, never given back: a document may be a single word of megabytes.
_ADDRESS = re.compile(r"(?<!\S)\S[^\s@]*+@\S+\.\w+|https?://\S+")
# Capitalised words in the middle of a sentence: after a small letter and a space. Labels of a form, which
# begin a line or follow a capitalised word, are part of the layout and stay.
_NAME = re.compile(r"(?<=[a-zß-ÿ,] )[A-ZÀ-ÖØ-Þ][\w'’-]*(?: [A-ZÀ-ÖØ-Þ][\w'’-]*)*")
_DIGITS = re.compile(r"\d+(?:[.,:/-]\d+)*")
_SHORTEST = 3
_VALUES = 200


def masked(text: str, output: str | dict[str, Any]) -> str:
    """Return the text with the label's values, addresses and names as ``X``, numbers as ``9``, evened out."""
    for value in sorted(_values(output), key=lambda value: (-len(value), value)):
        text = text.replace(value, "X")
    text = _NAME.sub("X", _ADDRESS.sub("X", text))
    return normalised(_DIGITS.sub("9", text))


def _values(output: str | dict[str, Any]) -> set[str]:
    """Return the texts among a label's values, at most 200; a class name is not a value of the document."""
    answer = as_object(output)
    found: set[str] = set()
    for value in leaves(answer) if answer is not None else ():
        if isinstance(value, str) and len(value) >= _SHORTEST:
            found.add(value)
        if len(found) >= _VALUES:
            break
    return found


def leaves(value: Any) -> Iterator[Any]:
    """Yield the values of a JSON document that are neither objects nor lists."""
    if isinstance(value, dict | list):
        for child in value.values() if isinstance(value, dict) else value:
            yield from leaves(child)
    else:
        yield value
