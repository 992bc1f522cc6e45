"""What can be said of one document without a model: its length, script, language, digits, known words.

These explain a drift to a person, and take part in the classifier test beside the embedding of the texts.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from insource.lifecycle.drift.embedding import CHARACTERS
from insource.types.monitoring import Unit

_WORD = re.compile(r"[^\W\d_]{2,}")
ANCHOR_SHARE = 0.9
"""A word that this share of the reference has is expected in every document."""

ANCHORS = 50
NO_LANGUAGE = "no words"


class Feature(NamedTuple):
    """One value a document, shape ``(n,)``."""

    name: str
    unit: Unit
    values: NDArray[np.float64]


class Vocabulary(NamedTuple):
    """The words of the reference: in how many documents each is, and which are expected in all."""

    documents: Counter[str]
    anchors: frozenset[str]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Vocabulary:
        found: Counter[str] = Counter()
        for text in texts:
            found.update(words(text))
        common = [word for word, count in found.most_common() if count >= ANCHOR_SHARE * len(texts)]
        return cls(found, frozenset(common[:ANCHORS]) if len(texts) > 1 else frozenset())


def words(text: str) -> frozenset[str]:
    """Return the words of the beginning of a text, in lower case."""
    return frozenset(word.casefold() for word in _WORD.findall(text[:CHARACTERS]))


def features(texts: Sequence[str], known: Vocabulary, *, of_reference: bool) -> tuple[Feature, ...]:
    """Return the numeric features of texts.

    A text of the reference does not count as its own witness: a word that only it has is unknown.
    """
    least = 2 if of_reference else 1
    counted = [_of_text(text, known, least) for text in texts]
    columns = np.array(counted, dtype=np.float64).reshape(len(texts), len(_NAMES)).T
    return tuple(
        Feature(name, unit, column) for (name, unit), column in zip(_NAMES.items(), columns, strict=True)
    )


_NAMES: dict[str, Unit] = {
    "length": "characters",
    "lines": "lines",
    "digits": "ratio",
    "letters beyond Latin": "ratio",
    "capital letters": "ratio",
    "unknown words": "ratio",
    "missing expected words": "ratio",
}


def _of_text(text: str, known: Vocabulary, least: int) -> tuple[float, ...]:
    start = text[:CHARACTERS]
    letters = [character for character in start if character.isalpha()]
    said = words(text)
    latin = sum(_is_latin(letter) for letter in letters)
    unknown = sum(known.documents[word] < least for word in said)
    missing = len(known.anchors - said)
    return (
        len(text),
        text.count("\n") + 1,
        sum(character.isdigit() for character in start) / max(len(start), 1),
        1 - latin / len(letters) if letters else 0.0,
        sum(letter.isupper() for letter in letters) / max(len(letters), 1),
        unknown / len(said) if said else 0.0,
        missing / len(known.anchors) if known.anchors else 0.0,
    )


@lru_cache(maxsize=4096)
def _is_latin(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith("LATIN")


def languages(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the language of each text by its ISO 639-1 code (py3langid), ``no words`` without any."""
    from py3langid import classify

    return tuple(classify(text[:CHARACTERS])[0] if words(text) else NO_LANGUAGE for text in texts)
