"""Candidate texts, and spellings that stand for a value."""

from __future__ import annotations

import re
from collections.abc import Iterator

from insource.models.fitted.spans.candidate import Candidate
from insource.models.fitted.spans.document import Scope
from insource.models.fitted.spans.fields import Taught

MAX_TOKENS = 9
"""A longer text is a candidate only as the remainder of its line."""

_REMAINDER = re.compile(r"[:=|\t;]\s*|^\s*|(?<= - )|(?<=  )", re.MULTILINE)
_REMAINDER_END = re.compile(r" {2,}|\s*[|\t;]|\s*$", re.MULTILINE)
_MAX_REMAINDER = 300


def texts(scope: Scope, taught: Taught) -> Iterator[Candidate]:
    """Yield runs of tokens on one line, and the remainders of lines for fields with longer texts."""
    document, inner = scope.document, frozenset(taught.inner)
    tokens, (first, behind) = document.tokens, scope.tokens()
    for i in range(first, behind):
        if not tokens[i].text[0].isalnum():
            continue
        for j in range(i, min(behind, i + min(taught.longest, MAX_TOKENS))):
            token = tokens[j]
            if not token.text[0].isalnum():
                if token.text not in inner:
                    break
                continue
            value = document.text[tokens[i].start : token.end]
            if j > i and ("  " in value or "\n" in value):
                break
            if _like(value, taught):
                yield Candidate(tokens[i].start, token.end, value, f"n{j - i}")
    if taught.longest > MAX_TOKENS:
        yield from remainders(scope, taught)


def _like(value: str, taught: Taught) -> bool:
    return len(value) >= taught.shortest - 1 and not (taught.digits and not any(c.isdigit() for c in value))


def remainders(scope: Scope, taught: Taught) -> Iterator[Candidate]:
    """Yield what stands behind a separator, up to the next one or the end of the line."""
    text = scope.document.text
    for match in _REMAINDER.finditer(text, scope.start, scope.end):
        end = _REMAINDER_END.search(text, match.end(), scope.end)
        stop = min(scope.end if end is None else end.start(), match.end() + _MAX_REMAINDER)
        value = text[match.end() : stop].rstrip(" .;,")
        if value and _like(value, taught):
            yield Candidate(match.end(), match.end() + len(value), value, "rest")


def aliases(scope: Scope, taught: Taught) -> Iterator[Candidate]:
    """Yield the values whose learned spellings occur."""
    document, (first, behind) = scope.document, scope.tokens()
    for one in document.spellings:
        if one.text in taught.aliases and first <= one.first and one.last < behind:
            start, end = document.tokens[one.first].start, document.tokens[one.last].end
            yield Candidate(start, end, taught.aliases[one.text], f"a={one.text}")


def spellings_in(scope: Scope, most: int = 3) -> set[str]:
    """Return every spelling of up to ``most`` tokens that could be an alias; one token has none before it."""
    first, behind = scope.tokens()
    return {
        one.text
        for one in scope.document.spellings
        if first <= one.first
        and one.last < behind
        and one.last - one.first < most
        and (most > 1 or ">" not in one.text)
    } - {""}
