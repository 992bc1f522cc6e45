"""Find labels that a classifier trained on the other rows contradicts, the most doubtful first."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any

import numpy as np

from insource.contract.places import place_of
from insource.dataset.checks.check import SHOWN, Check, Context, listed
from insource.dataset.checks.label_confidence import UNKNOWN, Confidence, Labels, label_confidence
from insource.dataset.checks.row_view import RowView
from insource.formats.strict_json import as_object
from insource.foundation.value_names import value_name
from insource.matching.align import is_empty
from insource.types import Finding, JsonSchema

MIN_ROWS = 50
MIN_OF_CLASS = 5
MAX_CLASSES = 500
MEAN_OF_CLASS = 10
MIN_SKILL = 0.4
"""Least skill score, (agreement - majority) / (1 - majority), of a classifier whose doubts mean something:
one that cannot tell the classes apart doubts half of all labels."""


class LabelErrors(Check):
    """The label of a label task, and each categorical top-level field of a JSON task.

    Categorical is what has 2 to 500 values with 10 rows each on average; classes of fewer than 5 rows are
    not judged, and neither is that a field is empty. A person has to look: the check proposes no fix.
    """

    name = "label-errors"
    title = "Likely label errors"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        output = context.output
        names = place_of(output.definition).properties if isinstance(output, JsonSchema) else {"": None}
        self._columns = {name: _Column() for name in names}
        self.confidence: dict[str, Confidence] = {}

    def observe(self, index: int, view: RowView) -> None:
        super().observe(index, view)
        row = view.row
        value = as_object(row.output)
        for name, column in self._columns.items():
            column.add(str(row.output).strip() if not name else (value or {}).get(name))

    def finding(self) -> Finding:
        judged = {name: column for name, column in self._columns.items() if column.categorical()}
        if not judged:
            return self.skip(f"No field has classes to learn from: at least {MIN_ROWS} rows, few values.")
        doubted = np.zeros(self.seen, np.bool_)
        ranked: list[tuple[float, int, str]] = []
        blind: list[str] = []
        for name, column in judged.items():
            confidence = label_confidence(self._texts, column.judged(), self.context.seed)
            self.confidence[name] = confidence
            if self._skill(name) < MIN_SKILL:
                blind.append(name or "label")
                continue
            doubted |= confidence.doubtful
            rows = np.flatnonzero(confidence.doubtful)
            rows = rows[np.argsort(confidence.margin[rows], kind="stable")][:SHOWN]
            ranked += [(float(confidence.margin[row]), int(row), name) for row in rows]
        for _, place, name in sorted(ranked)[:SHOWN]:
            self.hits.add(self.context.rows[place], self._said(place, name))
        if len(blind) == len(judged):
            return self.skip(f"A simple classifier cannot tell the classes apart: {listed(blind)}.")
        self.hits.count = int(doubted.sum())
        return self.report(
            f"{self.hits.count:,} labels look wrong to a classifier trained on the other rows; look at them",
            measures={"fields": {name or "label": self._measures(name) for name in judged}},
            unjudged=f"a simple classifier cannot tell the classes apart: {listed(blind)}" if blind else "",
        )

    def _texts(self) -> Iterator[str]:
        return (row.input for row in self.context.rows)

    def _said(self, place: int, name: str) -> str:
        column, confidence = self._columns[name], self.confidence[name]
        given, other = column.values[column.codes[place]], column.values[confidence.suggested[place]]
        return f"{f'{name}: ' if name else ''}{given[:60]} is given, {other[:60]} is likelier"

    def _skill(self, name: str) -> float:
        """Return the classifier's skill over the commonest class, out of fold; 1 is perfect."""
        labels, margin = self._columns[name].judged(), self.confidence[name].margin
        judged = ~np.isnan(margin)
        if not judged.any():
            return 0.0
        agreement = float((margin[judged] > 0).mean())
        majority = float(np.bincount(labels[judged]).max() / judged.sum())
        return (agreement - majority) / (1 - majority) if majority < 1 else 0.0

    def _measures(self, name: str) -> dict[str, Any]:
        labels, confidence = self._columns[name].judged(), self.confidence[name]
        return {
            "classes": len(np.unique(labels[labels != UNKNOWN])),
            "judged": int((labels != UNKNOWN).sum()),
            "doubtful": int(confidence.doubtful.sum()),
            "skill": round(self._skill(name), 3),
        }


def _may_be_class(value: Any) -> bool:
    return isinstance(value, str | bool | int) or (isinstance(value, float) and value.is_integer())


class _Column:
    """One field's values as small numbers, as long as there may be classes in it."""

    def __init__(self) -> None:
        self.codes = array("i")
        self.values: list[str] = []
        self._code_of: dict[str, int] = {}
        self._open = True

    def add(self, value: Any) -> None:
        # An absent value is no class: it was not asked for, or nothing is said about it.
        if not self._open or is_empty(value) or not _may_be_class(value):
            self.codes.append(UNKNOWN)
            return
        text = value_name(value)
        code = self._code_of.setdefault(text, len(self.values))
        if code == len(self.values):
            self.values.append(text)
        self.codes.append(code)
        # Rare spellings beside the classes are allowed for; beyond them it is no categorical field.
        self._open = len(self.values) <= 20 * MAX_CLASSES

    def judged(self) -> Labels:
        """Return the codes, ``UNKNOWN`` for the classes that are too rare to be judged."""
        codes = np.array(self.codes, np.int64)
        sizes = np.bincount(codes[codes != UNKNOWN], minlength=len(self.values))
        rare = np.append(sizes < MIN_OF_CLASS, True)
        return np.where(rare[codes], UNKNOWN, codes)

    def categorical(self) -> bool:
        judged = self.judged()
        known = judged[judged != UNKNOWN]
        classes = len(np.unique(known))
        filled = sum(code != UNKNOWN for code in self.codes)
        enough = self._open and len(known) >= MIN_ROWS and 2 <= classes <= MAX_CLASSES
        return enough and len(self.values) * MEAN_OF_CLASS <= filled
