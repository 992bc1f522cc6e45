"""Cut a document into pieces at the fields' values, and shorten a long document."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from insource.dataset.review.fields import AnswerField
from insource.dataset.review.queues import scalars
from insource.matching.spans import TextSpan, find_spans

WHOLE = 20_000
"""Documents of up to this many characters are shown in full."""

_BEGINNING, _AROUND, _WINDOWS = 3_000, 700, 24
_PLACES = 3  # windows per field
_LADDER = 200_000  # beyond this, search for exact matches only: other tiers read the document many times


class Piece(NamedTuple):
    """A part of the document. ``fields`` are the indices of the fields whose value it contains.

    A piece with ``left_out`` stands for that many omitted characters and has no text.
    """

    text: str
    fields: tuple[int, ...] = ()
    left_out: int = 0


class Excerpt(NamedTuple):
    """The pieces in order. ``found`` has the spans of each field, or None for a field without a value."""

    pieces: tuple[Piece, ...]
    found: tuple[tuple[TextSpan, ...] | None, ...]
    characters: int

    @property
    def shortened(self) -> bool:
        return any(piece.left_out for piece in self.pieces)


def excerpt(document: str, fields: Sequence[AnswerField]) -> Excerpt:
    """Cut a document at the spans of the fields' values."""
    found = tuple(_spans(document, field) for field in fields)
    marks = [(span.start, span.end, place) for place, spans in enumerate(found) for span in spans or ()]
    pieces: list[Piece] = []
    end = 0
    for start, stop in _windows(len(document), found):
        if start > end:
            pieces.append(Piece("", left_out=start - end))
        pieces += _cut(document, start, stop, marks)
        end = stop
    if end < len(document):
        pieces.append(Piece("", left_out=len(document) - end))
    return Excerpt(tuple(pieces), found, len(document))


def _spans(document: str, field: AnswerField) -> tuple[TextSpan, ...] | None:
    values = list(scalars(field.value))
    # A number chosen from a list is a judgement: its occurrence in the text is no evidence.
    if not values or (field.choices and not isinstance(field.value, str)):
        return None
    return tuple(span for value in values for span in _found(document, field, value))


def _found(document: str, field: AnswerField, value: str | int | float) -> tuple[TextSpan, ...]:
    if len(document) <= _LADDER:
        return find_spans(value, document, field.comparator)
    at = document.find(text := str(value).strip())
    return (TextSpan(at, at + len(text), "exact"),) if at >= 0 else ()


def _windows(length: int, found: Sequence[tuple[TextSpan, ...] | None]) -> list[tuple[int, int]]:
    """Return the disjoint ranges to show: the whole document, or its beginning and the text around spans."""
    if length <= WHOLE:
        return [(0, length)]
    spans = [span for spans in found for span in (spans or ())[:_PLACES]]
    around = [(max(0, one.start - _AROUND), min(length, one.end + _AROUND)) for one in spans[:_WINDOWS]]
    merged: list[tuple[int, int]] = []
    for start, end in sorted([(0, _BEGINNING), *around]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _cut(document: str, start: int, stop: int, marks: Sequence[tuple[int, int, int]]) -> list[Piece]:
    inside = [(max(a, start), min(b, stop), place) for a, b, place in marks if a < stop and b > start]
    edges = sorted({start, stop, *(a for a, _, _ in inside), *(b for _, b, _ in inside)})
    return [
        Piece(document[a:b], tuple(sorted({place for x, y, place in inside if x <= a and b <= y})))
        for a, b in pairwise(edges)
    ]
