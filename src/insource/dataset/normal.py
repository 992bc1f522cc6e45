"""When two inputs are the same text."""

from __future__ import annotations

import unicodedata


def normalised(text: str) -> str:
    """The text with compatibility forms, case and white space evened out: what makes a duplicate."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
