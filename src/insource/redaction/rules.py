"""A redaction rule: what it searches for, which part it removes, and how it rejects false matches.

Patterns use RE2. Matching takes linear time for any text and any pattern, so no request and no user's regular
expression can block the gateway. Patterns run over UTF-8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import re2

Span = tuple[int, int]
# In JSON a newline before a word is written ``\n``; its letter would hide the word boundary.
_RAW_BOUNDARY = r"(?:\b|\\[bfnrt])"

Refine = Callable[[bytes, int, int], Span | None]


@dataclass(frozen=True)
class RedactionRule:
    """One kind of content to remove.

    ``pattern`` finds candidates; its group 1, if any, is the part to remove. ``refine`` takes a candidate
    (the data, its start and end) and returns the span to remove, or None for a false match. ``raw`` is a
    cheap test of whole documents: it occurs in the JSON form of every text that ``pattern`` matches, and may
    occur elsewhere. If empty, the pattern itself is used, which is correct when JSON does not escape its
    characters.

    ``normal`` maps different spellings of one value to the same bytes; the value gets a pseudonym. A rule
    without it uses a constant replacement. ``bounded`` says that a match has a maximal length, so that the
    search can resume at the second character of a false match and still take linear time. ``whole`` ignores
    groups.
    """

    name: str
    pattern: str
    refine: Refine | None = None
    raw: str = ""
    normal: Callable[[bytes], bytes] | None = None
    bounded: bool = False
    whole: bool = False

    @property
    def prefilter(self) -> str:
        return self.raw or self.pattern.replace(r"\b", _RAW_BOUNDARY)

    @cached_property
    def regex(self) -> Any:
        return compiled(self.pattern)

    def spans(self, data: bytes) -> Iterator[tuple[int, int, int]]:
        """Yield (start, end, start of the match) of each part to remove, from left to right, in bytes."""
        group = 1 if self.regex.groups and not self.whole else 0
        position = 0
        while match := self.regex.search(data, position):
            start, end = match.span(group)
            span = self.refine(data, start, end) if self.refine else (start, end)
            if span is not None:
                yield *span, match.start()
                position = max(span[1], match.start() + 1)
            else:
                position = match.start() + 1 if self.bounded else max(match.end(), match.start() + 1)


def compiled(pattern: str) -> Any:
    """Compile a pattern for UTF-8 bytes.

    Raises:
        ValueError: with RE2's reason.
    """
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 32 << 20  # a search that exceeds it is correct but much slower
    try:
        return re2.compile(pattern.encode(), options)
    except re2.error as error:
        reason = error.args[0] if error.args else "not understood"
        raise ValueError(reason.decode() if isinstance(reason, bytes) else str(reason)) from None


def any_of(patterns: Iterable[str]) -> Any:
    """Combine patterns into one automaton, so that a document is read once for any number of rules."""
    return compiled(_union(patterns))


def any_at_end_of(patterns: Iterable[str]) -> Any:
    """Match the longest suffix of a text that one of the patterns matches."""
    return compiled(rf"(?:{_union(patterns)})\z")


def _union(patterns: Iterable[str]) -> str:
    return "|".join(f"(?:{pattern})" for pattern in patterns)
