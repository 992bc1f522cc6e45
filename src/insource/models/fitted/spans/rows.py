"""The parts of a document that may be one object of a list: lines, paragraphs, and parts of lines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from insource.models.fitted.spans.context import SIZE, hashed
from insource.models.fitted.spans.document import Document, Scope, words
from insource.models.fitted.spans.features import Rows, outline
from insource.models.fitted.spans.ranking import Ranker

MAX_UNITS = 3_000
MAX_ROWS = 500

_SEMICOLON = re.compile(r";\s*|\s*[•·]\s*")
_COMMA = re.compile(r"[,;]\s+(?:and\s+)?|\s+and\s+")
_NUMBER = re.compile(r"\d[\d.,]*")
_WORDS = 12


class Unit(NamedTuple):
    """A part of a document; ``kind`` says how it was cut out, ``place`` that it is the n-th of its kind."""

    start: int
    end: int
    kind: str
    place: int


def units(document: Document) -> list[Unit]:
    """Return every part that may be a row: they overlap, because layouts differ."""
    found: list[Unit] = []
    for kind, spans in (
        ("line", _lines(document)),
        ("paragraph", _paragraphs(document)),
        ("entry", _entries(document)),
        ("part", _parts(document, _SEMICOLON)),
        ("clause", _parts(document, _COMMA)),
    ):
        found += [Unit(start, end, kind, place) for place, (start, end) in enumerate(spans)]
    return found[:MAX_UNITS]


def _lines(document: Document) -> Iterator[tuple[int, int]]:
    for start, line in zip(document.line_starts, document.lines, strict=True):
        if line.strip():
            yield start, start + len(line)


def _paragraphs(document: Document) -> Iterator[tuple[int, int]]:
    """Yield runs of two lines and more without an empty line."""
    begun: int | None = None
    for n, line in enumerate([*document.lines, ""]):
        if line.strip() and begun is None:
            begun = n
        elif not line.strip() and begun is not None:
            if n - begun > 1:
                yield document.line_starts[begun], document.line_starts[n - 1] + len(document.lines[n - 1])
            begun = None


def _entries(document: Document) -> Iterator[tuple[int, int]]:
    """Yield runs of lines of which each begins with the same word: ``Item 1: …``, ``Item 2: …``."""
    first = [found[0] if found else "" for found in document.line_words]
    common = {word for word, count in Counter(first).items() if word and count > 1}
    for n, word in enumerate(first):
        if word not in common:
            continue
        last = n + 1
        while last < len(first) and first[last] != word and document.lines[last].strip():
            last += 1
        if last - n > 1:
            yield document.line_starts[n], document.line_starts[last - 1] + len(document.lines[last - 1])


def _parts(document: Document, separator: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    for begin, line in zip(document.line_starts, document.lines, strict=True):
        cuts = [(0, 0), *(match.span() for match in separator.finditer(line)), (len(line), len(line))]
        if len(cuts) > 2:
            for (_, start), (end, _) in pairwise(cuts):
                if line[start:end].strip():
                    yield begin + start, begin + end


def unit_features(document: Document, found: list[Unit]) -> Rows:
    """Return the hashed features of units: form, words, neighbours, place."""
    by_kind: dict[str, list[Unit]] = {}
    for unit in found:
        by_kind.setdefault(unit.kind, []).append(unit)
    forms = {kind: [_form(document, unit) for unit in group] for kind, group in by_kind.items()}
    rows = [hashed(_features(document, unit, forms[unit.kind])) for unit in found]
    places = np.concatenate(rows) if rows else np.zeros(0, np.int32)
    starts = np.concatenate([[0], np.cumsum([len(row) for row in rows], dtype=np.int64)]).astype(np.int64)
    return Rows(places, starts)


def _form(document: Document, unit: Unit) -> tuple[int, str]:
    text = document.text[unit.start : unit.end]
    return min(len(_NUMBER.findall(text)), 6), re.sub(r"[Aa]+", "a", outline(text))[:12]


def _features(document: Document, unit: Unit, forms: list[tuple[int, str]]) -> list[str]:
    text, kind, place = document.text[unit.start : unit.end], unit.kind, unit.place
    numbers, form = forms[place]
    before = forms[place - 1] if place else (-1, "^")
    behind = forms[place + 1] if place + 1 < len(forms) else (-1, "$")
    line = document.line_at(unit.start)
    said = words(text)
    above = document.line_words[line - 1][:3] if line else ["^"]
    marks = ",".join(f"{mark}{min(text.count(mark), 6)}" for mark in "|\t;:,×@=" if mark in text)
    return [
        f"k={kind}",
        *(
            f"{kind}{feature}"
            for feature in (
                f"n={numbers}",
                f"f={form}",
                f"f4={form[:4]}",
                f"nb={numbers - before[0] if before[0] >= 0 else '^'}",
                f"na={numbers - behind[0] if behind[0] >= 0 else '$'}",
                f"fb={form == before[1]}{form == behind[1]}",
                f"ff={form[:4]}{before[1][:4]}",
                f"m={marks}",
                f"fw={said[0] if said else '_'}",
                f"nw={min(len(said), 8)}{numbers}",
                f"pl={' '.join(above)}",
                f"p={min(place, 4)}",
                f"e={min(len(forms) - 1 - place, 4)}",
                f"st={text.strip()[:1].isalpha()}{text.strip()[-1:].isdigit()}",
                *(f"w={word}" for word in said[:_WORDS]),
            )
        ),
    ]


class RowFinder:
    """Finds the rows of one list of objects."""

    def __init__(self, ranker: Ranker) -> None:
        self.ranker = ranker

    def rows(self, document: Document) -> list[Scope]:
        """Return the likely units in the order of the document, the likeliest of those that overlap."""
        found = units(document)
        scores = self.ranker.scores(unit_features(document, found), np.full(len(found), SIZE, np.int32))
        kept: list[Unit] = []
        for place in sorted(range(len(found)), key=lambda k: (-scores[k], k)):
            unit = found[place]
            if scores[place] <= 0 or len(kept) == MAX_ROWS:
                break
            if all(unit.end <= other.start or unit.start >= other.end for other in kept):
                kept.append(unit)
        return [Scope(document, unit.start, unit.end) for unit in sorted(kept)]
