"""A rule: what it looks for, what of that goes, and how it is told apart from what only looks like it.

Patterns are RE2's: matching takes time linear in the text whatever the text and whatever the pattern, so
no request and no user's regular expression can hold up the gateway. They run over UTF-8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import re2

Span = tuple[int, int]
# In JSON a new line in front of a word is spelled ``\n``, whose letter would hide where the word begins.
_RAW_BOUNDARY = r"(?:\b|\\[bfnrt])"

Refine = Callable[[bytes, int, int], Span | None]


@dataclass(frozen=True)
class Rule:
    """One kind of thing to take out.

    ``pattern`` finds candidates; its group 1, if it has one, is the part that goes. ``refine`` looks at a
    candidate (the data, its start and end) and returns the span to take out, or None for a false alarm.
    ``raw`` occurs in the JSON spelling of every text that ``pattern`` matches in, and may occur elsewhere:
    it is what whole documents are searched for first. Empty: the pattern itself, which is right for
    patterns whose characters JSON does not escape.

    ``normal`` makes the spellings of one value equal. A rule without it replaces by a constant.
    ``bounded`` says that a match has a maximal length, so that behind a false alarm the search may go on
    at its second character and still take linear time. ``whole`` lets groups be mere groups.
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
        """(start, end, where the match began) of what goes, from left to right, in bytes."""
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
    """The pattern for UTF-8 bytes.

    Raises:
        ValueError: with RE2's reason.
    """
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 32 << 20  # a search that outgrows its automaton is right but much slower
    try:
        return re2.compile(pattern.encode(), options)
    except re2.error as error:
        reason = error.args[0] if error.args else "not understood"
        raise ValueError(reason.decode() if isinstance(reason, bytes) else str(reason)) from None


def any_of(patterns: Iterable[str]) -> Any:
    """One automaton for all of them: a document is read once, however many rules there are."""
    return compiled(_union(patterns))


def any_at_end_of(patterns: Iterable[str]) -> Any:
    """Finds the longest end of a text that one of them matches, reading backwards and no further."""
    return compiled(rf"(?:{_union(patterns)})\z")


def _union(patterns: Iterable[str]) -> str:
    return "|".join(f"(?:{pattern})" for pattern in patterns)
