"""Compute the normal forms of text and of identifiers. Nothing raises.

Numbers, dates and quantities have modules of their own.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

# A superscript is an exponent: NFKC alone would turn 10² into 102.
_SUPERSCRIPT = re.compile(r"[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_LOWERED = str.maketrans("⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "+-0123456789")
# One and a half is written 1½, which NFKC alone would turn into 11/2.
_MIXED = re.compile(r"(?<=\d)(?=[¼½¾⅐-⅞])")
_PUNCTUATION = {
    **dict.fromkeys(map(ord, "‘’‚‛′´`ʼ"), "'"),
    **dict.fromkeys(map(ord, "“”„‟″«»"), '"'),
    **dict.fromkeys(map(ord, "‐‑‒–—―−﹣－"), "-"),
    **dict.fromkeys(map(ord, "⁄∕"), "/"),
    **dict.fromkeys(map(ord, "\u200b\u200c\u200d\ufeff\u00ad"), ""),
    ord("…"): "...",
}


def fold_characters(value: str) -> str:
    """Return NFKC with typographic punctuation in ASCII; ``10²`` becomes ``10^2``, ``1½`` becomes ``1 1/2``.

    Punctuation is folded, not dropped: ``C++`` stays apart from ``C``, ``-5`` from ``5``.
    """
    if value.isascii():
        return value.translate(_PUNCTUATION) if "`" in value else value
    text = unicodedata.normalize("NFKC", _MIXED.sub(" ", _lowered(value).translate(_PUNCTUATION)))
    return text.translate(_PUNCTUATION)


def _lowered(value: str) -> str:
    return _SUPERSCRIPT.sub(lambda match: "^" + match[0].translate(_LOWERED), value)


def fold_text(value: str) -> str:
    """Return ``fold_characters`` in lower case, with one space between words and no closing period.

    A text of nothing but such marks is kept: ``.`` is not ``,``.
    """
    text = " ".join(fold_characters(value).casefold().split())
    return text.rstrip(" .;,") or text


def fold_id(value: Any) -> str | None:
    """Return an identifier after case and space rules; numbers are read as their digits."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = _lowered(str(value)).translate(_PUNCTUATION)
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())
