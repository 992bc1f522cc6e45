"""What can be said of one document without a model: its length, script, language, digits, known words.

These explain a drift to a person. ``features`` also take part in the classifier test beside the embedding of
the texts; ``known_words`` do not, because they are counted from one of the two sides: no permutation of the
documents would do that in the same way.
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
UNKNOWN, MISSING = "unknown words", "missing expected words"


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


def features(texts: Sequence[str]) -> tuple[Feature, ...]:
    """Return the numeric features of texts, each from its text alone."""
    columns = np.array([_of_text(text) for text in texts], dtype=np.float64).reshape(len(texts), len(_NAMES))
    return tuple(
        Feature(name, unit, column) for (name, unit), column in zip(_NAMES.items(), columns.T, strict=True)
    )


def known_words(texts: Sequence[str], known: Vocabulary, *, of_reference: bool) -> tuple[Feature, ...]:
    """Return which share of a text's words the reference has not, and of the expected words the text has not.

    A text of the reference does not count as its own witness: a word that only it has is unknown.
    """
    least = 2 if of_reference else 1
    said = [words(text) for text in texts]
    unknown = [sum(known.documents[word] < least for word in one) / max(len(one), 1) for one in said]
    missing = [len(known.anchors - one) / max(len(known.anchors), 1) for one in said]
    return (
        Feature(UNKNOWN, "ratio", np.array(unknown, dtype=np.float64)),
        Feature(MISSING, "ratio", np.array(missing, dtype=np.float64)),
    )


_NAMES: dict[str, Unit] = {
    "length": "characters",
    "lines": "lines",
    "digits": "ratio",
    "letters beyond Latin": "ratio",
    "capital letters": "ratio",
}


def _of_text(text: str) -> tuple[float, ...]:
    start = text[:CHARACTERS]
    letters = [character for character in start if character.isalpha()]
    latin = sum(_is_latin(letter) for letter in letters)
    return (
        len(text),
        text.count("\n") + 1,
        sum(character.isdigit() for character in start) / max(len(start), 1),
        1 - latin / len(letters) if letters else 0.0,
        sum(letter.isupper() for letter in letters) / max(len(letters), 1),
    )


@lru_cache(maxsize=4096)
def _is_latin(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith("LATIN")


def languages(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the language of each text by its ISO 639-1 code (py3langid), ``no words`` without any."""
    from py3langid import classify

    return tuple(classify(text[:CHARACTERS])[0] if words(text) else NO_LANGUAGE for text in texts)
