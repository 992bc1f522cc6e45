"""Filter drafts and write rows until enough are made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import islice

from insource.dataset.synthesis.filters import Filters
from insource.dataset.synthesis.output import SyntheticFile
from insource.dataset.synthesis.wanted import Method
from insource.logs.questions import CapReached, Questions
from insource.types import Example, Frozen, Row

# More drafts than this for each row wanted, and the documents do not yield more.
MAX_DRAFTS = 20
BATCH = 256


class SynthesisReport(Frozen):
    """What was made, and what was refused and why: ``drafts == made + already + sum(refused)``."""

    method: Method
    drafts: int
    made: int
    already: int
    refused: dict[str, int]
    questions: int
    spent_usd: Decimal
    stopped: str
    path: str


class SynthesisRun:
    """Counts of one run while its rows are written."""

    def __init__(
        self,
        file: SyntheticFile,
        filters: Filters,
        parents: dict[str, Example],
        progress: Callable[[str, float, float], None],
    ) -> None:
        self._file, self._filters, self._parents, self._progress = file, filters, parents, progress
        self._drafts = self._made = self._already = 0

    def take(self, rows: Iterator[Row | str], count: int) -> str:
        """Filter and write until ``count`` rows are made; why it ended before, or nothing."""
        rows = islice(rows, MAX_DRAFTS * count)
        while True:
            batch: list[Row | str] = []
            try:
                for row in islice(rows, BATCH):
                    batch.append(row)
            except CapReached:
                self._keep(batch, count)
                return "the next question could cost more than is left; raise --max-usd to go on"
            except BaseException:  # what was paid for is kept
                self._keep(batch, count)
                raise
            self._keep(batch, count)
            if self._made + self._already >= count:
                return ""
            if len(batch) < BATCH:
                return "these documents do not yield more"

    def _keep(self, batch: Sequence[Row | str], count: int) -> None:
        near = self._filters.near_held_out([row.input for row in batch if isinstance(row, Row)])
        for row in batch:
            if self._made + self._already >= count:
                return
            self._drafts += 1
            if isinstance(row, str):
                self._filters.refused[row] += 1
            elif row.row_id in self._file.ids:
                self._already += 1
            elif self._filters.passes(row, self._parent_of(row), near):
                self._made += self._file.add(row)
                self._progress("rows", self._made + self._already, count)

    def _parent_of(self, row: Row) -> Example | None:
        return self._parents.get(row.provenance.parents[0]) if row.provenance.parents else None

    def report(self, method: Method, stopped: str, questions: Questions | None = None) -> SynthesisReport:
        return SynthesisReport(
            method=method,
            drafts=self._drafts,
            made=self._made,
            already=self._already,
            refused=dict(self._filters.refused.most_common()),
            questions=questions.asked if questions else 0,
            spent_usd=questions.spent_usd if questions else Decimal(0),
            stopped=stopped,
            path=str(self._file.path),
        )
