"""Hashed features of what stands left and right of a place in a document."""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from insource.models.fitted.spans.document import Document, words

BITS = 18
SIZE = 1 << BITS
"""The number of hashed features."""

_WORDS_LEFT, _TOKENS_LEFT = 4, 14
_GRAMS = 14


def hashed(features: Iterable[str]) -> NDArray[np.int32]:
    """Return the place of each feature among ``SIZE`` ones (Weinberger et al. 2009, without signs)."""
    return np.array([crc32(feature.encode()) & (SIZE - 1) for feature in features], dtype=np.int32)


def left(document: Document, position: int) -> NDArray[np.int32]:
    """Return the features of what stands before a place: tokens, words, label, column and lines above."""
    if (known := document.left.get(position)) is None:
        known = hashed(
            [*_before(document, position), *_labels(document, position), *_lines(document, position)]
        )
        document.left[position] = known
    return known


def right(document: Document, position: int) -> NDArray[np.int32]:
    """Return the features of what stands behind a place."""
    if (known := document.right.get(position)) is None:
        known = document.right[position] = hashed(_behind(document, position))
    return known


def _before(document: Document, position: int) -> list[str]:
    at = document.token_at(position)
    tokens = document.tokens
    one, two, three = (tokens[at - k].folded if at >= k else "^" for k in (1, 2, 3))
    found: list[str] = []
    place = at - 1
    while place >= 0 and len(found) < _WORDS_LEFT and at - place < _TOKENS_LEFT:
        found += reversed(document.token_words[place])
        place -= 1
    near, far = (*found, "^", "^")[:2]
    return [
        f"l1={one}",
        f"l2={two}",
        f"l12={two}_{one}",
        f"l123={three}_{two}_{one}",
        f"w1={near}",
        f"w2={far}",
        f"w12={far}_{near}",
        f"p1={near[:4]}",
        f"p12={far[:3]}{near[:3]}",
        *(f"wb={word}" for word in found[:_WORDS_LEFT]),
    ]


def _labels(document: Document, position: int) -> list[str]:
    own, previous = document.label_before(position)
    here, earlier, above = words(own), words(previous), words(document.column_header(position))
    letters = own.casefold()[-_GRAMS:]
    found = [
        f"sg={' '.join(here[-3:])}",
        f"sgp={' '.join(word[:4] for word in here[-3:])}",
        f"sg2={' '.join(earlier[-3:])}",
        *(f"sb={word}" for word in here[-5:]),
        *(f"s2b={word}" for word in earlier[-3:]),
        *(f"c={letters[k : k + 4]}" for k in range(max(0, len(letters) - 3))),
    ]
    return found + ([f"hd={' '.join(above)}", *(f"hb={word}" for word in above)] if above else [])


def _lines(document: Document, position: int) -> list[str]:
    line = document.line_at(position)
    text, before = document.lines[line], document.lines[line][: position - document.line_starts[line]]
    first = document.line_words[line]
    above = document.line_words[line - 1] if line else ["^"]
    second = document.line_words[line - 2] if line > 1 else ["^"]
    return [
        f"lf={' '.join(first[:2])}",
        f"lfw={first[0] if first else '^'}",
        f"pl={' '.join(above[:3])}",
        f"pl1={above[0] if above else '_'}{len(above) > 3}",
        f"ppl={' '.join(second[:2])}",
        f"ln={min(line, 6)}",
        f"le={min(len(document.lines) - 1 - line, 5)}",
        f"ls={not before.strip()}",
        f"lm={text.strip()[:1]}",
    ]


def _behind(document: Document, position: int) -> list[str]:
    tokens, at = document.tokens, document.token_from(position)
    one, two = (tokens[at + k].folded if at + k < len(tokens) else "$" for k in (0, 1))
    found: list[str] = []
    place = at
    while place < len(tokens) and len(found) < 2 and place - at < 6:
        found += document.token_words[place]
        place += 1
    near, far = (*found, "$", "$")[:2]
    joined = document.text[position : position + 1].isalpha()
    return [
        f"r1={one}",
        f"r2={two}",
        f"r12={one}_{two}",
        f"rw1={near}",
        f"rw2={far}",
        f"rw12={near}_{far}",
        f"rj={joined}",
    ]
