"""One document as span ranking sees it: tokens, lines, cells, and the label in front of a place."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MAX_CHARACTERS = 24_000
"""Of a longer document, the first two thirds of this and the last third are read."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_TOKEN = re.compile(
    r"\n|[^\W_]+(?:(?:[-./'’&_]|(?<=\d),(?=\d)|(?<=\d):(?=\d))[^\W_]+)*|([^\w\s])\1*|_+",
)
_MAX_TOKEN = 200
_SEPARATOR = re.compile(r"[:=|\t;<>\"()]|,| {2,}|\.{2,}")
_LETTERS = re.compile(r"[^\W\d_]+")
_CAMEL = re.compile(r"([a-z])([A-Z])")
_COLUMNS = ("|", "\t", ";", ",")
_GAP = re.compile(r" {2,}")
_LOOK_BACK = 200
_SKIPPED = 8
SPELLING_TOKENS = 4


class Token(NamedTuple):
    """``text`` stands at ``start`` up to ``end``; ``folded`` is it in lower case. A line break is a token."""

    text: str
    start: int
    end: int
    folded: str


class Reading(NamedTuple):
    """A number as it stands in a text: its place, its value, and the word behind it in lower case."""

    start: int
    end: int
    value: float
    unit: str


class Spelling(NamedTuple):
    """What may stand for a value: the squashed text of the tokens from ``first`` to ``last``."""

    text: str
    first: int
    last: int


def words(text: str) -> list[str]:
    """Return the runs of letters in lower case; ``ratedVoltage`` is two."""
    return [word.casefold() for word in _LETTERS.findall(_CAMEL.sub(r"\1 \2", text))]


def squashed(text: str) -> str:
    """Return a text in lower case without spaces, hyphens and underscores."""
    return re.sub(r"[\s\-_]", "", text.casefold())


class Document:
    """The text of a document and what is read off it once. ``left``, ``right`` and ``own`` keep features."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_CHARACTERS:
            head = MAX_CHARACTERS * 2 // 3
            text = text[:head] + "\n" + text[head - MAX_CHARACTERS :]
        self.text = _SURROGATE.sub("\ufffd", text)
        self.tokens = [
            Token(match[0], match.start(), match.end(), match[0].casefold())
            for match in _TOKEN.finditer(self.text)
            if match.end() - match.start() <= _MAX_TOKEN
        ]
        self.lines = self.text.split("\n")
        self.line_starts = [0]
        for line in self.lines[:-1]:
            self.line_starts.append(self.line_starts[-1] + len(line) + 1)
        self.left: dict[int, NDArray[np.int32]] = {}
        self.right: dict[int, NDArray[np.int32]] = {}
        self.own: dict[tuple[object, ...], NDArray[np.int32]] = {}
        self.readings: dict[str | None, list[Reading]] = {}
        self._starts = [token.start for token in self.tokens]
        self._counts: dict[str, int] = {}
        self._blocks: dict[tuple[int, str], int] = {}

    @cached_property
    def _separators(self) -> list[list[tuple[int, int]]]:
        return [[match.span() for match in _SEPARATOR.finditer(line)] for line in self.lines]

    @cached_property
    def line_words(self) -> list[list[str]]:
        """The words of each line."""
        return [words(line) for line in self.lines]

    @cached_property
    def token_words(self) -> list[list[str]]:
        """The words in each token."""
        return [words(token.text) for token in self.tokens]

    @cached_property
    def spellings(self) -> list[Spelling]:
        """Every run of tokens on a line, up to ``SPELLING_TOKENS``, and every token with the word before it.

        The latter, ``phases>3``, only where marks or digits lie between. They are in the order of the text.
        """
        squashes = [squashed(token.text) for token in self.tokens]
        found: list[Spelling] = []
        for first, token in enumerate(self.tokens):
            text = ""
            for last in range(first, min(len(self.tokens), first + SPELLING_TOKENS)):
                if self.tokens[last].text == "\n":
                    break
                text += squashes[last]
                found.append(Spelling(text, first, last))
            if token.text != "\n" and (word := self._word_before(first)):
                found.append(Spelling(f"{word}>{squashes[first]}", first, first))
        return found

    def _word_before(self, at: int) -> str:
        place = at - 1
        while place >= 0 and at - place < _SKIPPED and self.tokens[place].text != "\n":
            if self.token_words[place]:
                return self.token_words[place][-1] if place < at - 1 else ""
            place -= 1
        return ""

    def token_from(self, position: int) -> int:
        """Return the index of the first token that starts at ``position`` or behind it."""
        return bisect_left(self._starts, position)

    def token_at(self, position: int) -> int:
        """Return the index of the last token that starts at ``position`` or before it, 0 if none does."""
        return max(0, bisect_right(self._starts, position) - 1)

    def line_at(self, position: int) -> int:
        """Return the number of the line, from 0."""
        return bisect_right(self.line_starts, position) - 1

    def occurrences(self, text: str) -> int:
        """Return how often a text occurs in the document."""
        if text not in self._counts:
            self._counts[text] = self.text.count(text)
        return self._counts[text]

    def label_before(self, position: int) -> tuple[str, str]:
        """Return what stands between the separators in front of a place on its line, and the part before."""
        line = self.line_at(position)
        text, at = self.lines[line], position - self.line_starts[line]
        cuts = [(0, 0)] + [span for span in self._separators[line] if span[1] <= at]
        last = len(cuts) - 1
        own = text[cuts[-1][1] : at]
        while last > 0 and not _LETTERS.search(own):
            own = text[cuts[last - 1][1] : cuts[last][0]]
            last -= 1
        return own, text[cuts[last - 1][1] : cuts[last][0]] if last > 0 else ""

    def column_header(self, position: int) -> str:
        """Return the cell of this column in the first of the lines above with as many columns."""
        line = self.line_at(position)
        text, at = self.lines[line], position - self.line_starts[line]
        for mark in _COLUMNS:
            if text.count(mark) >= 2 and (first := self._block(line, mark)) < line:
                return self.lines[first].split(mark)[text[:at].count(mark)]
        before, whole = text[:at].lstrip(), text.strip()
        if len(_GAP.findall(whole)) >= 2 and (first := self._block(line, " ")) < line:
            return _GAP.split(self.lines[first].strip())[len(_GAP.findall(before))]
        return ""

    def columns(self, line: int, mark: str) -> int:
        """Return how many separators of columns a line has; a blank stands for a wide gap."""
        text = self.lines[line]
        return len(_GAP.findall(text.strip())) if mark == " " else text.count(mark)

    def _block(self, line: int, mark: str) -> int:
        """Return the first of the lines above, this included, that have as many columns."""
        if (line, mark) not in self._blocks:
            count, first = self.columns(line, mark), line
            while first > 0 and line - first < _LOOK_BACK and self.columns(first - 1, mark) == count:
                first -= 1
            self._blocks[line, mark] = first
        return self._blocks[line, mark]


class Scope(NamedTuple):
    """The part of a document in which values are looked for: all of it, or one row."""

    document: Document
    start: int
    end: int

    @classmethod
    def whole(cls, document: Document) -> Scope:
        return cls(document, 0, len(document.text))

    def tokens(self) -> tuple[int, int]:
        """Return the first token inside and the first behind it."""
        return self.document.token_from(self.start), self.document.token_from(self.end)
