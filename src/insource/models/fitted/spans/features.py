"""Hashed features of a candidate: its context, its form, and how it stands among the other candidates."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from insource.matching.normal_forms import fold_text
from insource.models.fitted.spans.candidate import Candidate
from insource.models.fitted.spans.context import SIZE, hashed, left, right
from insource.models.fitted.spans.document import Document, Scope
from insource.models.fitted.spans.fields import Field
from insource.models.fitted.spans.measures import next_word, unit_behind

SEEN = 4
"""Behind the hashed features stand these: how often training had the value, 0 to 3 and more."""

WIDTH = SIZE + SEEN

_LETTER = re.compile(r"[^\W\d_]")
_DIGIT = re.compile(r"\d")
_REPEAT = re.compile(r"(.)\1+", re.DOTALL)
_BEHIND = re.compile(r"\W*(\w*)")
_EDGES = (0, 1, 2, 3, 5, 8, 12, 20, 40)
_DATE_ORDERS = ("mm/dd/yyyy", "dd/mm/yyyy")


class Rows(NamedTuple):
    """The features of candidates: of candidate i, ``places[starts[i]:starts[i + 1]]``."""

    places: NDArray[np.int32]
    starts: NDArray[np.int64]


def outline(text: str) -> str:
    """Return the form of a text with runs of the same mark as one: ``BWA-887-59`` is ``A-9-9``."""
    marked = _LETTER.sub(lambda match: "A" if match[0].isupper() else "a", _DIGIT.sub("9", text))
    return _REPEAT.sub(r"\1", marked)


def features(scope: Scope, field: Field, found: Sequence[Candidate]) -> Rows:
    """Return the hashed features of a field's candidates in a scope."""
    document, among = scope.document, _Among(field, found)
    rows = []
    for one in found:
        key = (field.kind, one.start, one.end, one.tag, str(one.value))
        if (own := document.own.get(key)) is None:
            own = document.own[key] = hashed(_own(document, field, one))
        parts = [left(document, one.start), right(document, one.end), own, hashed(among.features(one))]
        if one.base >= 0:  # what stands before the date of a sum, kept apart from what stands before the days
            parts.append((left(document, one.base) * 31 + 7) % SIZE)
        rows.append(np.concatenate(parts))
    lengths = [len(row) for row in rows]
    places = np.concatenate(rows) if rows else np.zeros(0, np.int32)
    return Rows(places, np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64))


def times_seen(field: Field, found: Sequence[Candidate], vocabulary: Mapping[str, int]) -> NDArray[np.int32]:
    """Return the place of the feature that counts each candidate's value in the training rows."""
    if field.kind not in ("text", "id"):
        return np.full(len(found), SIZE, dtype=np.int32)
    counts = [min(vocabulary.get(fold_text(one.value), 0), SEEN - 1) for one in found]
    return SIZE + np.array(counts, dtype=np.int32)


def _own(document: Document, field: Field, one: Candidate) -> list[str]:
    """Return the features that hold whatever else is in the scope."""
    text = document.text[one.start : one.end]
    folded = text.casefold()
    parts = folded.split() or [""]
    before = document.tokens[max(0, document.token_at(one.start) - 1)].folded
    behind = _BEHIND.match(document.text, one.end, one.end + 14)
    form = outline(text)
    found = [
        f"t={one.tag}",
        f"sh={form[:12]}",
        f"ln={sum(len(text) > edge for edge in _EDGES)}",
        f"w={folded[:24]}",
        f"fw={parts[0][:12]}",
        f"lw={parts[-1][:12]}",
        f"pre={folded[:3]}",
        f"nt={len(parts)}",
        *(f"iw={part}" for part in parts[:6]),
        f"shp={'_'.join(outline(part)[:4] for part in parts[:5])}",
        f"x1={one.tag}{before}",
        f"x2={one.tag}{behind[1].casefold() if behind else ''}",
        f"x3={form[:8]}{before}",
    ]
    if field.kind in ("text", "id", "number"):
        found.append(f"cnt={min(document.occurrences(text), 4)}")
    if field.kind in ("text", "id"):
        found.append(f"nc={one.tag != 'n0'}")
    if field.kind == "number":
        size = math.floor(math.log10(abs(one.value) + 1e-9)) if abs(one.value) < math.inf else 99
        found += [f"dec={'.' in text or ',' in text}", f"mag={size}"]
    if field.kind == "quantity":
        found += [f"q={one.value}", f"un={one.tag}{unit_behind(document, one.end)}"]
        found.append(f"vw={next_word(document.text, one.end)}")
    if one.tag in ("df", "mf"):
        found += [f"dw={one.tag}{order}" for order in _DATE_ORDERS if order in document.text.casefold()]
    return found


class _Among:
    """How a candidate stands among the others: order of place, and of size for numbers and dates."""

    def __init__(self, field: Field, found: Sequence[Candidate]) -> None:
        self._field = field
        self._order = {start: place for place, start in enumerate(sorted({one.start for one in found}))}
        self._numbers: dict[object, int] = {}
        self._dates: list[str] = []
        if field.kind == "number":
            self._numbers = {v: n for n, v in enumerate(sorted({one.value for one in found}, reverse=True))}
        if field.kind == "date":
            self._dates = sorted({one.value for one in found if one.base < 0})

    def features(self, one: Candidate) -> list[str]:
        place = self._order[one.start]
        found = [f"o={min(place, 6)}", f"oe={min(len(self._order) - 1 - place, 4)}"]
        if self._field.kind == "number":
            found.append(f"rk={min(self._numbers[one.value], 5)}")
        if self._field.kind == "date":
            at = bisect_left(self._dates, one.value)
            found += [f"dr={one.tag}{at}", f"de={one.tag}{len(self._dates) - at}"]
        return found
