"""Decide whether two spellings are one term: numbers, separators, abbreviations, typing errors."""

from __future__ import annotations

import re
from functools import lru_cache

from insource.matching.normal_forms import fold_text
from insource.matching.number_words import NUMBERS, TENS
from insource.matching.quantities import parse_quantity

_TOKEN = re.compile(r"(?<![\w.,])[-+]?\d+(?:[.,]\d+)*|\d+(?:[.,]\d+)*|[^\W\d_]+|[+#%°<>&=*@$€£]")
_TOKEN_OF_VALUE = re.compile(rf"{_TOKEN.pattern}|(?<=\w)-(?!\w)")
MIN_SLIP = 5
"""Letters of a word in which one wrong letter is a slip; shorter words differ by design (``AC``, ``DC``)."""


def words(text: str, token: re.Pattern[str] = _TOKEN) -> tuple[str, ...]:
    """Figures, words and the signs that carry meaning, folded; number words are figures."""
    found: list[str] = []
    tens = 0
    for word in token.findall(fold_text(text)):
        said = NUMBERS.get(word, word)
        if tens and said.isdigit() and len(said) == 1 and word != said:
            found[-1] = str(tens + int(said))
        else:
            found.append(str(TENS.get(said, said)))
        tens = TENS.get(said, 0)
    return tuple(found)


@lru_cache(maxsize=1 << 14)
def tokens(value: str) -> tuple[str, ...]:
    """``words`` of a value, which comes again and again as a document does not.

    A minus that ends a word of a value is a sign (``AA-``); in a document it may be a hyphenated line.
    """
    return words(value, _TOKEN_OF_VALUE)


def normal_key(text: str) -> str:
    """Return a key that is equal for ``three-phase``, ``3-phase`` and ``3 PHASE``; never for two figures."""
    return re.sub(r"(?<!\d) | (?!\d)", "", " ".join(tokens(text)))


def is_abbreviation(short: str, long: str) -> bool:
    """Return whether ``short`` abbreviates words of ``long`` (``3ph``, ``3-phase``) with equal figures."""
    one, other = tokens(short), tokens(long)
    if len(one) != len(other) or one == other:
        return False
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if a != b]
    return any(a[0].isdigit() for a in one) and all(
        a.isalpha() and 2 <= len(a) < len(b) >= 4 and b.startswith(a) for a, b in pairs
    )


def may_stand_for(short: str, long: str) -> bool:
    """Return whether ``short`` has letters of ``long`` in their order, beginning with the first.

    Figures and signs have to be equal.
    """
    one, other = "".join(tokens(short)), "".join(tokens(long))
    if not 2 <= len(one) < len(other) or one[0] != other[0]:
        return False
    rest = iter(other)
    same_rest = re.findall(r"\d+|\W", one) == re.findall(r"\d+|\W", other)
    return same_rest and all(character in rest for character in one)


def is_slip(one: str, other: str) -> bool:
    """Return whether exactly one word differs, by one letter added, missing, changed or swapped."""
    left, right = tokens(one), tokens(other)
    if len(left) != len(right):
        return False
    pairs = [(a, b) for a, b in zip(left, right, strict=True) if a != b]
    if len(pairs) != 1:
        return False
    a, b = pairs[0]
    return a.isalpha() and b.isalpha() and min(len(a), len(b)) >= MIN_SLIP and _one_edit(a, b)


def slip_keys(text: str) -> set[str]:
    """Return what two spellings that are slips of one another share: the key, and the key less one letter."""
    key = normal_key(text)
    return {key, *(key[:place] + key[place + 1 :] for place in range(len(key)))}


def differ_in_meaning(one: str, other: str) -> bool:
    """Return whether both are quantities of known units and not the same: ``5 mW`` and ``5 MW``."""
    left, right = parse_quantity(one), parse_quantity(other)
    if left is None or right is None:
        return False
    return left.known and right.known and left != right


def _one_edit(a: str, b: str) -> bool:
    """Damerau and Levenshtein's distance is 1."""
    if len(a) > len(b):
        a, b = b, a
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(a))
    if len(a) < len(b):
        return a[start:] == b[start + 1 :]
    swapped = a[start : start + 2] == b[start : start + 2][::-1] and a[start + 2 :] == b[start + 2 :]
    return a[start + 1 :] == b[start + 1 :] or (len(a[start : start + 2]) == 2 and swapped)
