"""When two inputs are the same text, and when two nearly equal ones may be the same document."""

from __future__ import annotations

import re
import unicodedata

_NUMBER = re.compile(r"\d+")


def normalised(text: str) -> str:
    """The text with compatibility forms, case and white space evened out: what makes a duplicate."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def numbers_of(text: str) -> str:
    """The numbers of a text, sorted and once each: nearly equal texts with the same ones are one document,
    with others two on one template."""
    return " ".join(sorted(set(_NUMBER.findall(text))))
