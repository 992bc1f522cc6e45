"""Find rows that are longer than training takes, in tokens after the chat template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from insource.dataset.checks.check import Check, Context
from insource.dataset.checks.row_view import RowView
from insource.dataset.rows.records import BadRow
from insource.dataset.rows.targets import Targets
from insource.types import Dropped, Finding, Fix, Row

MOST_CHARACTERS = 500_000
MOST_PER_TOKEN = 200
"""Beyond these many characters of a document no tokens are counted: what came before is over any limit."""


class OverLength(Check):
    """Cutting at the limit cuts the answer, because it stands last. Training refuses such rows.

    Of a document longer than 500,000 characters only these are counted, unless the limit asks for more.
    """

    name = "over-length"
    title = "Longer than the limit"
    severity = "error"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._targets = Targets(context.output, context.absent_fields)
        self._longest = self._tokens = self._lost = 0

    def observe(self, index: int, view: RowView) -> None:
        super().observe(index, view)
        total = self._total(view)
        self._longest = max(self._longest, total)
        self._tokens += total
        if total > self.context.max_tokens:
            self.hits.add(view.row, f"{total:,} tokens, {total - self.context.max_tokens:,} over the limit")

    def finding(self) -> Finding:
        if self.context.count_tokens is None:
            return self.skip(f"tokens are not counted: {self.context.no_tokens}")
        limit = self.context.max_tokens
        return self.report(
            f"{self.hits.count:,} rows are longer than {limit:,} tokens and would lose the end of their "
            f"label, {self._lost:,} of them all of it; the longest has {self._longest:,}",
            fix=Fix(action="drop", summary=f"drop the rows longer than {limit:,} tokens"),
            measures={
                "longest_tokens": self._longest,
                "mean_tokens": self._tokens / self.seen if self.seen else 0.0,
                "labels_cut": self.hits.count,
                "labels_lost": self._lost,
            },
        )

    def fixed(self, index: int, view: RowView, parameters: Mapping[str, Any]) -> Row | Dropped:
        total = self._total(view)
        return self.drop(view.row, f"{total:,} tokens") if total > self.context.max_tokens else view.row

    def _target(self, view: RowView) -> str:
        """Return what would be trained on; a label that does not fit as it stands."""
        try:
            return self._targets.of(view.row)
        except BadRow:
            return view.text

    def _total(self, view: RowView) -> int:
        if self.context.count_tokens is None:
            return 0
        # A document of megabytes is too long whatever the rest of it says, and its tokens take gigabytes.
        most = max(MOST_CHARACTERS, MOST_PER_TOKEN * self.context.max_tokens)
        row = view.row
        read = row if len(row.input) <= most else row.model_copy(update={"input": row.input[:most]})
        tokens = self.context.count_tokens(read, self._target(view))
        self._lost += tokens.prompt >= self.context.max_tokens
        return tokens.prompt + tokens.answer
