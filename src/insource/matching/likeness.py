"""Tell whether two values say the same in another spelling, where a field's own comparator says they differ.

A looser reading than any comparator's. It excuses nothing in a score; it says what kind of error was made.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any

from insource.matching.dates import parse_date
from insource.matching.normal_forms import fold_text
from insource.matching.numbers import parse_number
from insource.matching.quantities import parse_quantity

SIMILAR = 0.85
"""Share of equal characters from which two names of labels count as the same misspelled name."""

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_DIGIT = re.compile(r"\d")
_WORD = re.compile(r"[^\W_]+[+#]*")  # C++ and C# are not C
_LEADING = frozenset({"label", "answer", "class", "category", "intent", "the", "is", "a", "an"})
"""Words that stand before a label in an answer and are no part of its name."""
_SHORTEST = 4


_NOTHING = frozenset(
    {"n a", "na", "none", "null", "nil", "unknown", "not available", "not applicable", "not specified"}
    | {"not given", "not mentioned", "not stated", "not found", "not provided", "missing", "empty"}
)


def says_nothing(value: Any) -> bool:
    """Return whether a text stands for no value: ``n/a``, ``none``, a dash."""
    if not isinstance(value, str):
        return False
    return " ".join(_WORD.findall(fold_text(value))) in _NOTHING or value.strip() in ("-", "–", "—", "?", "/")


@lru_cache(maxsize=65536)
def words_of(text: str) -> tuple[str, ...]:
    """Return a text's words in lower case, split at marks and in camelCase, plural endings removed."""
    found = _WORD.findall(fold_text(_CAMEL.sub(" ", text)))
    return tuple(_singular(word) for word in found)


def _singular(word: str) -> str:
    if len(word) > _SHORTEST and word.endswith("ies"):
        return word[:-3] + "y"
    plural = len(word) >= _SHORTEST and word.endswith("s") and not word.endswith(("ss", "us", "is"))
    return word[:-1] if plural else word


def same_otherwise_spelled(one: Any, other: Any) -> bool:
    """Return whether two values differ only in spelling, case or format.

    That is in case, spaces, punctuation, plural, the order of the words, the JSON type, or the format of a
    number, date or quantity. 400 V and 480 V do not, nor do -5 and 5.
    """
    if isinstance(one, bool) or isinstance(other, bool):
        return str(one).casefold() == str(other).casefold()
    if not isinstance(one, str | int | float) or not isinstance(other, str | int | float):
        return False
    first, second = str(one), str(other)
    numbers = parse_number(one), parse_number(other)
    if None not in numbers:
        return numbers[0] == numbers[1]
    return _same_words(first, second) or _same_moment(first, second) or _same_quantity(first, second)


def _same_words(first: str, second: str) -> bool:
    one, other = words_of(first), words_of(second)
    if not one or not other:
        return False
    # Signs and decimal marks are what words leave out: with a digit, only the order and case may differ.
    if any(character.isdigit() for character in first + second):
        return "".join(fold_text(first).split()) == "".join(fold_text(second).split())
    return sorted(one) == sorted(other) or "".join(one) == "".join(other)


def _same_moment(first: str, second: str) -> bool:
    one, other = parse_date(first, None), parse_date(second, None)
    return one is not None and other is not None and one.same(other)


def _same_quantity(first: str, second: str) -> bool:
    if not (_DIGIT.search(first) and _DIGIT.search(second)):
        return False  # reading a quantity takes long
    one, other = parse_quantity(first, None, None), parse_quantity(second, None, None)
    if one is None or other is None or one.kind != other.kind or one.kind == "dimensionless":
        return False
    return one.low == other.low and one.high == other.high


def label_meant(text: str, names: Iterable[str]) -> str | None:
    """Return the label that a text names in another spelling, None when none or several fit.

    The words of the label in any order, all of them within a longer answer, a part of them that no other
    label has, or the same letters but for a few.
    """
    said = [word for word in words_of(text) if word not in _LEADING]
    if not said:
        return None
    by_words = {name: [word for word in words_of(name) if word not in _LEADING] for name in names}
    for fits in (_equal, _holds, _part):
        found = [name for name, words in by_words.items() if words and fits(said, words)]
        if len(found) == 1:
            return found[0]
        if found:
            return None
    joined = "".join(said)
    near = [
        name
        for name, words in by_words.items()
        if SequenceMatcher(None, joined, "".join(words)).ratio() >= SIMILAR
    ]
    return near[0] if len(near) == 1 else None


def _equal(said: list[str], words: list[str]) -> bool:
    return sorted(said) == sorted(words) or "".join(said) == "".join(words)


def _holds(said: list[str], words: list[str]) -> bool:
    return len(said) <= len(words) + 12 and set(words) <= set(said)


def _part(said: list[str], words: list[str]) -> bool:
    return set(said) <= set(words) and any(len(word) >= _SHORTEST for word in said)
