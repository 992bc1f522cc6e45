"""Look up the examples and passages of one document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from insource.models.prompting.index import TextIndex, nearest
from insource.models.prompting.prompt import Passage, Shot
from insource.similarity.normal_text import normalised


class Examples:
    """Training rows to show: all of them in order, or the nearest to a document.

    Without an index the rows are fixed: every document gets the same ones.
    """

    def __init__(self, shots: Sequence[Shot], index: TextIndex | None = None) -> None:
        self.shots = tuple(shots)
        self.index = index
        self._texts = [normalised(shot.input) for shot in self.shots]

    def for_document(self, document: str, count: int) -> tuple[Shot, ...]:
        """Return at most ``count`` examples, the most similar last: what stands nearest weighs most.

        A document that is a training row is asked as if that row had not been there: its own row,
        duplicates of it and their groups are left out. No example is shown twice.
        """
        left_out = self._of_the_document(document)
        order = range(len(self.shots)) if self.index is None else nearest([self.index], document)
        chosen: list[int] = []
        shown: set[str] = set()
        for at in order:
            if len(chosen) == count:
                break
            if at not in left_out and self._texts[at] not in shown:
                chosen.append(at)
                shown.add(self._texts[at])
        return tuple(self.shots[at] for at in reversed(chosen))

    def _of_the_document(self, document: str) -> set[int]:
        text = normalised(document)
        same = {at for at, known in enumerate(self._texts) if known == text}
        groups = {self.shots[at].group for at in same} - {None}
        return same | {at for at, shot in enumerate(self.shots) if groups and shot.group in groups}


class Knowledge(NamedTuple):
    """Passages of reference documents, to be looked up by a document in all of ``indices`` together."""

    passages: tuple[Passage, ...]
    indices: tuple[TextIndex, ...]

    def for_document(self, document: str, count: int) -> tuple[Passage, ...]:
        """Return the ``count`` passages most similar to the document, the most similar first."""
        return tuple(self.passages[at] for at in nearest(self.indices, document)[:count])
