"""Decide which of several equal rows stays: judging rows before training rows, people before teachers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from insource.dataset.checks.check import Check, Context
from insource.dataset.checks.row_view import RowView
from insource.types import SPLITS, Dropped, Row


def standing(row: Row) -> int:
    """Return a rank: by the given split (test, calibration, validation, others), then by who answered."""
    origin = row.provenance
    by_person = origin.label == "checked" or origin.human_edited
    return 2 * SPLITS.index(row.split or "train") + by_person


class Loss(NamedTuple):
    """Why a row is dropped, in words. ``like`` is the place of the row that ends the sentence."""

    detail: str
    like: int | None = None


class Keeping(Check):
    """A check that drops some of the rows that say the same; a subclass names them by ``lose``."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.standings = bytearray()
        self._lost: Mapping[int, Loss] = {}

    def observe(self, index: int, view: RowView) -> None:
        super().observe(index, view)
        self.standings.append(standing(view.row))

    def lose(self, lost: Mapping[int, Loss]) -> None:
        """The rows to drop, by their places."""
        self._lost = lost
        for index in sorted(lost)[: self.hits.shown]:
            self.hits.add(self.context.rows[index], self._why(lost[index]))
        self.hits.count = len(lost)
        self.hits.given = Counter(SPLITS[self.standings[index] // 2] for index in lost)

    def fixed(self, index: int, view: RowView, parameters: Mapping[str, Any]) -> Row | Dropped:
        row = view.row
        return self.drop(row, self._why(self._lost[index])) if index in self._lost else row

    def _why(self, loss: Loss) -> str:
        return loss.detail if loss.like is None else f"{loss.detail} {self.named(loss.like)}"
