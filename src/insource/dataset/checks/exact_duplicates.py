"""Find rows that repeat another row: the same input, the same fields asked for, the same answer."""

from __future__ import annotations

from hashlib import blake2b

from insource.dataset.checks.check import Context
from insource.dataset.checks.precedence import Keeping, Loss
from insource.dataset.checks.row_view import RowView
from insource.foundation import canonical
from insource.types import Finding, Fix


class ExactDuplicates(Keeping):
    """Inputs are compared with case, form and white space evened out, answers without what is empty."""

    name = "exact-duplicates"
    title = "Exact duplicates"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._first: dict[bytes, int] = {}
        self._alike: dict[int, int] = {}
        self._kept: dict[int, int] = {}

    def observe(self, index: int, view: RowView) -> None:
        super().observe(index, view)
        first = self._first.setdefault(_key(view), index)
        if first != index:
            self._alike[index] = first
            kept = self._kept.setdefault(first, first)
            if self.standings[index] > self.standings[kept]:
                self._kept[first] = index

    def finding(self) -> Finding:
        kept = {index: self._kept[first] for index, first in self._alike.items()} | self._kept
        self.lose({index: Loss("says the same as", one) for index, one in kept.items() if one != index})
        fix = Fix(
            action="drop",
            summary="keep one of each and drop its repeats: what judges rather than what is learned from, "
            "a person's answer rather than a teacher's, else the first",
        )
        return self.report(f"{self.hits.count:,} rows repeat another one", fix=fix)


def _key(view: RowView) -> bytes:
    return blake2b(canonical.dumps([view.asked, view.said]).encode(), digest_size=16).digest()
