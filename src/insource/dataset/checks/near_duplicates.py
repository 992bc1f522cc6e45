"""Find rows whose input nearly repeats another input: duplicates, or doubtful labels."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insource.dataset.checks.check import SHOWN, Context
from insource.dataset.checks.precedence import Keeping, Loss
from insource.dataset.checks.row_view import RowView
from insource.foundation import canonical
from insource.foundation.errors import UserError
from insource.similarity.near_duplicates import THRESHOLD, NearDuplicates, Pair, find_near_duplicates
from insource.types import Dropped, Finding, Fix, Row


class NearDuplicateRows(Keeping):
    """Rows with the same answer are repeats. Rows answered differently are counted apart, never dropped.

    Rows whose inputs are equal belong to the check for exact duplicates.
    """

    name = "near-duplicates"
    title = "Near-duplicates"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._answers = bytearray()
        self._lengths = array("q")
        self._decided = False

    def observe(self, index: int, view: RowView) -> None:
        super().observe(index, view)
        self._answers += _answer(view)
        self._lengths.append(len(view.row.input))

    def finding(self) -> Finding:
        found = self._search(THRESHOLD)
        alike, differing = found.of_one_kind(self._kinds), found.of_one_kind(self._kinds, same=False)
        differing = differing.below(1.0)  # equal inputs with several answers are another check's
        self.lose(_said(_near(alike, self._ranks(longest=False))))
        doubted = len(np.unique(np.r_[differing.first, differing.second]))
        summary = f"{self.hits.count:,} rows nearly repeat a row with the same answer"
        if doubted:
            summary += f"; {doubted:,} rows are nearly the same as one that is answered differently"
        fix = Fix(
            action="drop",
            summary="keep one of each and drop what nearly repeats it: what judges rather than what is "
            "learned from, a person's answer rather than a teacher's, else the first (or the longest)",
            parameters={"threshold": THRESHOLD, "keep": "first"},
        )
        measures = {
            "pairs": len(alike),
            "borderline": self._shown(alike),
            "answered_differently": doubted,
            "answered_differently_pairs": self._shown(differing),
            "crowded": found.crowded,
        }
        return self.report(summary, fix=fix, measures=measures)

    def fixed(self, index: int, view: RowView, parameters: Mapping[str, Any]) -> Row | Dropped:
        if not self._decided:
            threshold, longest = _accepted(parameters)
            alike = self._search(threshold).of_one_kind(self._kinds)
            self._lost, self._decided = _said(_near(alike, self._ranks(longest=longest))), True
        return super().fixed(index, view, parameters)

    def _ranks(self, *, longest: bool) -> NDArray[np.int64]:
        """Return what stays first, the greatest first: by standing, then by length if asked."""
        standings = np.frombuffer(bytes(self.standings), np.uint8).astype(np.int64)
        return (standings << 40) + (np.array(self._lengths, np.int64) if longest else 0)

    @property
    def _kinds(self) -> NDArray[np.int64]:
        return np.frombuffer(bytes(self._answers), np.int64)

    def _search(self, threshold: float) -> NearDuplicates:
        rows, seed = self.context.rows, self.context.seed
        texts = (row.input for row in rows)
        return find_near_duplicates(
            texts, threshold=threshold, kinds=self._kinds, seed=seed, folder=rows.folder
        )

    def _shown(self, found: NearDuplicates) -> list[dict[str, Any]]:
        return [
            {
                "rows": [self.context.rows[place].row_id for place in pair[:2]],
                "similarity": round(pair.similarity, 3),
            }
            for pair in found.least_similar(SHOWN)
        ]


def _accepted(parameters: Mapping[str, Any]) -> tuple[float, bool]:
    """Return the threshold, and whether the longest stays instead of the first."""
    threshold, keep = parameters.get("threshold", THRESHOLD), parameters.get("keep", "first")
    number = isinstance(threshold, int | float) and not isinstance(threshold, bool) and 0 < threshold <= 1
    if number and keep in ("first", "longest"):
        return float(threshold), keep == "longest"
    raise UserError(
        "fix-parameters-invalid",
        "The fix of near-duplicates needs `threshold`, above 0 and at most 1, and `keep`, first or longest.",
        hint="Take them from the last findings: insource dataset fix --apply near-duplicates",
    )


def _near(alike: NearDuplicates, ranks: NDArray[np.int64]) -> dict[int, Pair]:
    """Return what repeats another row, in the order of the rows, but for what only repeats an equal input."""
    equal = alike.first_equal
    return {
        place: pair
        for place, pair in sorted(alike.repeats(ranks).items())
        if equal[pair.first] != equal[pair.second]
    }


def _said(near: Mapping[int, Pair]) -> dict[int, Loss]:
    return {
        place: Loss(f"{pair.similarity:.2f} of its shingles are shared with", sum(pair[:2]) - place)
        for place, pair in near.items()
    }


def _answer(view: RowView) -> bytes:
    asked = None if view.row.attributes is None else sorted(view.row.attributes)
    return blake2b(canonical.dumps([asked, view.said]).encode(), digest_size=8).digest()
