"""Check a text answer against the declared style of its task (``[task.style]``)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from insource.matching.grounding import occurrences
from insource.matching.normal_forms import fold_text
from insource.types import Style

LONG_WORD = 6
"""A word with more letters is long (Björnsson 1968)."""

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d[\d.,]*")
_SENTENCE = re.compile(r"[.!?:]+(?=\s|$)")
_HTML = re.compile(r"</?[a-zA-Z][a-zA-Z0-9-]*(?:\s[^<>]*)?/?>|&(?:[a-z]+|#\d+);")
_MARKDOWN = re.compile(
    r"^\s{0,3}(?:#{1,6} |[-*+] |\d+[.)] |> |```|\|.*\|\s*$)|\*\*\S|__\S|`[^`]+`|\[[^\]]+\]\([^)]+\)",
    re.MULTILINE,
)


def style_checks(style: Style, answer: str) -> dict[str, bool]:
    """Return whether the answer passes each check that the style declares, by ``style_<key>``."""
    words, folded = len(_WORD.findall(answer)), fold_text(answer)
    markdown, html = _MARKDOWN.search(answer) is not None, _HTML.search(answer) is not None
    outcomes: dict[str, Callable[[Any], bool]] = {
        "min_words": lambda least: words >= least,
        "max_words": lambda most: words <= most,
        "min_characters": lambda least: len(answer) >= least,
        "max_characters": lambda most: len(answer) <= most,
        "required_words": lambda phrases: all(_holds(folded, phrase) for phrase in phrases),
        "forbidden_words": lambda phrases: not any(_holds(folded, phrase) for phrase in phrases),
        "max_lix": lambda most: lix(answer) <= most,
        "markup": lambda allowed: not html and (allowed == "markdown" or not markdown),
    }
    unset: tuple[object, ...] = (None, (), "any")
    declared = {name: getattr(style, name) for name in Style.model_fields}
    return {f"style_{name}": outcomes[name](said) for name, said in declared.items() if said not in unset}


def lix(text: str) -> float:
    """Return the readability LIX: words per sentence plus the percentage of long words. 0 without words."""
    words = _WORD.findall(text)
    if not words:
        return 0.0
    sentences = max(1, len(_SENTENCE.findall(text)))
    return len(words) / sentences + 100 * sum(len(word) > LONG_WORD for word in words) / len(words)


def _holds(folded: str, phrase: str) -> bool:
    return next(occurrences(fold_text(phrase), folded), None) is not None
