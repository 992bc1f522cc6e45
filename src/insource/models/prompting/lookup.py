"""Look up the examples and passages of one document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from insource.models.prompting.index import Embed, TextIndex
from insource.models.prompting.prompt import Passage, Shot
from insource.similarity.normal_text import normalised


class Examples:
    """Training rows to show: all of them in order, or the nearest to a document.

    Without an index the rows are fixed: every document gets the same ones.
    """

    def __init__(
        self, shots: Sequence[Shot], index: TextIndex | None = None, embed: Embed | None = None
    ) -> None:
        self.shots = tuple(shots)
        self.index = index
        self._embed = embed
        self._texts = [normalised(shot.input) for shot in self.shots]

    def for_document(self, document: str, count: int) -> tuple[Shot, ...]:
        """Return at most ``count`` examples, the most similar last: what stands nearest weighs most.

        A document that is a training row is asked as if that row had not been there: its own row,
        duplicates of it and their groups are left out. No example is shown twice.
        """
        left_out = self._of_the_document(document)
        if self.index is None:
            order: Sequence[int] = range(len(self.shots))
        else:
            order = [
                int(at) for at in np.argsort(-self.index.similarities(document, self._embed), kind="stable")
            ]
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
    """Passages of reference documents, to be looked up by a document."""

    passages: tuple[Passage, ...]
    ranking: TextIndex

    def for_document(self, document: str, count: int) -> tuple[Passage, ...]:
        """Return the ``count`` passages most similar to the document, the most similar first.

        A passage that has nothing in common with the document is not returned.
        """
        found = self.ranking.similarities(document)
        order = np.argsort(-found, kind="stable")[:count]
        return tuple(self.passages[int(at)] for at in order if found[at] > 0)
