"""Normalise texts: decide whether two inputs are the same text, or may be the same document."""

from __future__ import annotations

import re
import unicodedata

_NUMBER = re.compile(r"\d+")
_MONTH = (
    r"(?:jan(?:uary?)?|feb(?:ruary?)?|mar(?:ch)?|märz|apr(?:il)?|may|mai|june?|juni|july?|juli"
    r"|aug(?:ust)?|sept?(?:ember)?|o[ck]t(?:ober)?|nov(?:ember)?|de[cz](?:ember)?)\b\.?"
)
_AROUND, _PARTS = 4, 9  # shingles of 5 characters; (n - n/9) / (n + n/9) is 0.8
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
# In normalised text. Digits or a dot on either side make it a version, an address or an amount.
_MOMENT = re.compile(
    r"(?<![\d.])(?:"
    r"(?:19|20)\d\d-[01]\d-[0-3]\d"
    rf"|{_DAY}([./-]){_DAY}\1(?:19|20)\d\d"
    r"|[0-3]\d([./-])[0-3]\d\2\d\d"
    r"|(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?(?: ?[ap]m\b| ?[+-]\d\d:?\d\d)?"
    rf"|{_DAY}(?:st|nd|rd|th|\.)? {_MONTH}(?:,? (?:19|20)\d\d)?"
    r")(?![\d]|[.-]\d)"
    rf"|\b{_MONTH} {_DAY}(?:st|nd|rd|th)?(?:,? (?:19|20)\d\d)?(?!\d|[.-]\d)"
)


def normalised(text: str) -> str:
    """Return the text with compatibility forms, case and white space evened out: what makes a duplicate."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def numbers_of(text: str) -> str:
    """Return the numbers of a text, sorted and once each.

    Nearly equal texts with the same numbers are one document; with other numbers they are two on one
    template.
    """
    return " ".join(sorted(set(_NUMBER.findall(normalised(text)))))


def undated(text: str) -> str:
    """Return the normalised text with 0 for each date and time of day.

    It is the same for a document that is sent again.

    Where they are so much of the text that two such texts may have a Jaccard similarity below 0.8 of their
    shingles, they stay: they are what the text is about.
    """
    even = normalised(text)
    touched = sum(len(found.group()) + _AROUND for found in _MOMENT.finditer(even))
    return _MOMENT.sub("0", even) if touched * _PARTS <= len(even) else even
