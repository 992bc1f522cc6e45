"""Find values that do not occur in their document: invented, computed, or written differently."""

from __future__ import annotations

import heapq
import re
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insource.dataset.checks.check import Check, Context, listed
from insource.dataset.checks.field_values import MAX_FIELDS
from insource.dataset.checks.row_view import RowView, is_derived
from insource.dataset.checks.spelling import tokens
from insource.foundation.rng import generator
from insource.matching.comparators import Comparator
from insource.matching.grounding import grounding_tier
from insource.matching.numbers import parse_number
from insource.types import Estimate, Finding, Instance, JsonSchema, Row

SAMPLED = 300
"""Documents between which values are exchanged to see how often one is found by chance."""

PARTNERS = 3
MIN_VALUES = 20
MAX_MISS = 0.3
"""Share of other documents' values that is found all the same, above which grounding cannot judge a field."""

MAX_UNSUPPORTED = 0.1
"""Share of a field's values that are not found, above which the whole field is suspect: invented, worked out
or written otherwise than the documents do. It is named, its rows counted and shown after all others."""

MAX_TEXT = 200
BOOTSTRAPS = 1000
_FIGURE = re.compile(r"([-+]?\d[\d.,]*)\s*[^\d\s]{0,8}")


class _Field:
    """Counts of one field.

    ``documents`` counts documents by (values, values not found), for the bootstrap. ``checked`` counts those
    whose labels people confirmed.
    """

    def __init__(self) -> None:
        self.documents: Counter[tuple[int, int]] = Counter()
        self.checked: Counter[tuple[int, int]] = Counter()
        self.rows = array("Q")
        self.instances: list[Instance] = []


class UngroundedValues(Check):
    """Applies the grounding ladder to every string and number of the answers.

    Values of closed lists, long texts and values that the schema declares derived are left out. A grounded
    value may be wrong, and an ungrounded one may be right: a person has to look.
    """

    name = "ungrounded-values"
    title = "Values not found in their document"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._fields: dict[str, _Field] = {}
        self._sample: list[tuple[int, int]] = []
        self._labels: Counter[str] = Counter()

    def observe(self, index: int, view: RowView) -> None:
        super().observe(index, view)
        row = view.row
        self._keep(index, row)
        self._labels[row.provenance.label] += 1
        if view.answer is None:
            return
        found: dict[str, list[Any]] = {}
        for path, value in view.leaves:
            if _judgeable(view, path, value):
                found.setdefault(path, []).append(value)
        for path, values in found.items():
            if path not in self._fields and len(self._fields) >= MAX_FIELDS:
                continue
            field = self._fields.setdefault(path, _Field())
            missing = [value for value in values if not is_grounded(view, value, view.comparator(path))]
            field.documents[len(values), len(missing)] += 1
            if row.provenance.label == "checked":
                field.checked[len(values), len(missing)] += 1
            if missing:
                field.rows.append(index)
            if missing and len(field.instances) < self.hits.shown:
                detail = f"{path}: {str(missing[0])[:60]!r} is not in the document"
                field.instances.append(Instance(row_id=row.row_id, line=row.line, detail=detail))

    def finding(self) -> Finding:
        if not isinstance(self.context.output, JsonSchema):
            return self.skip("answers are labels or texts, which do not stand in a document")
        misses = self._misses()
        measured = {path: self._measured(path, *misses.get(path, (0, 0))) for path in sorted(self._fields)}
        judged = [path for path, measures in measured.items() if not measures["not_judged"]]
        rows = [np.frombuffer(self._fields[path].rows, dtype=np.uint64) for path in judged]
        self.hits.count = len(np.unique(np.concatenate(rows))) if rows else 0
        for path in sorted(judged, key=lambda path: measured[path]["unsupported"]):
            self.hits.instances += self._fields[path].instances
        del self.hits.instances[self.hits.shown :]
        unjudged = [
            f"{path} ({measures['not_judged']})"
            for path, measures in measured.items()
            if measures["not_judged"]
        ]
        return self.report(
            f"{self.hits.count:,} rows have a value that is not in their document" + _worst(measured, judged),
            measures={"fields": measured},
            unjudged=f"{len(unjudged)} of {len(measured)} fields: {listed(unjudged)}" if unjudged else "",
        )

    def _keep(self, index: int, row: Row) -> None:
        """A sample of rows that depends on their ids, not on their order: the smallest hashes."""
        key = blake2b(f"{self.context.seed} {row.row_id}".encode("utf-8", "replace"), digest_size=8).digest()
        item = (-int.from_bytes(key, "big"), index)
        if len(self._sample) < SAMPLED:
            heapq.heappush(self._sample, item)
        elif item > self._sample[0]:
            heapq.heapreplace(self._sample, item)

    def _misses(self) -> dict[str, tuple[int, int]]:
        """By field: other documents' values found in a document all the same, and how many were tried."""
        views = [self.context.view(self.context.rows[index]) for _, index in sorted(self._sample)]
        by_field: dict[str, list[tuple[RowView, Any]]] = {}
        for view in views:
            for path in {leaf.path for leaf in view.leaves}:
                value = next(leaf.value for leaf in view.leaves if leaf.path == path)
                if _judgeable(view, path, value):
                    by_field.setdefault(path, []).append((view, value))
        counted = {}
        for path, pairs in by_field.items():
            tried = found = 0
            for place, (view, value) in enumerate(pairs):
                own = {leaf.value for leaf in view.leaves if leaf.path == path}
                for step in range(1, min(PARTNERS, len(pairs) - 1) + 1):
                    other = pairs[(place + step) % len(pairs)][1]
                    if other in own or view.comparator(path).equal(value, other):
                        continue
                    tried += 1
                    found += is_grounded(view, other, view.comparator(path))
            counted[path] = (found, tried)
        return counted

    def _measured(self, path: str, found: int, tried: int) -> dict[str, Any]:
        field = self._fields[path]
        values, missing = _totals(field.documents)
        gold_values, gold_missing = _totals(field.checked)
        teacher = self._labels["teacher"] > 0
        known = teacher and gold_values >= MIN_VALUES
        miss = found / tried if tried else None
        why = ""
        if values < MIN_VALUES or tried < MIN_VALUES:
            why = "too few values"
        elif miss is not None and miss > MAX_MISS:
            why = f"{100 * miss:.0f} % of other documents' values are found too"
        return {
            "values": values,
            "unsupported": missing,
            "false_alarm": gold_missing / gold_values if known else None,
            "miss": miss,
            "invented": None if why else self._corrected(path, field, (found, tried), known).model_dump(),
            "not_judged": why,
        }

    def _corrected(self, path: str, field: _Field, null: tuple[int, int], known: bool) -> Estimate:
        """Rogan and Gladen (1978): h = (observed - u) / (1 - q - u), interval by document bootstrap.

        ``u``, the share of good values that are not found, comes from rows that people checked beside a
        teacher's. Where all rows are of one kind it is not known, and taken as 0: h is an upper bound.
        """
        rng = generator(self.context.seed, f"ungrounded-values.{path}")
        judged = field.documents - field.checked if known else field.documents
        observed = _resampled(judged, rng)
        false_alarm = _resampled(field.checked, rng) if known else np.zeros(BOOTSTRAPS + 1)
        found, tried = null
        miss = np.append(found / tried, rng.binomial(tried, found / tried, BOOTSTRAPS) / tried)
        power = np.maximum(1 - miss - false_alarm, 1e-9)
        rate = np.clip((observed - false_alarm) / power, 0.0, 1.0)
        low, high = np.quantile(rate[1:], [0.025, 0.975])
        return Estimate(
            value=float(rate[0]),
            low=float(low),
            high=float(high),
            n=judged.total(),
            method="Rogan-Gladen, document bootstrap",
            note="" if known else "no checked rows beside a teacher's: the false alarm rate is taken as 0",
        )


def is_grounded(view: RowView, value: Any, comparator: Comparator) -> bool:
    """Return whether a value occurs in the document.

    It does when its words and figures occur in this order, with number words read as figures; when its figure
    occurs and its unit may be in a heading; when either holds once commas end a value; or when the grounding
    ladder finds it. The ladder comes last because converting units is slow.
    """
    wanted = " ".join(tokens(str(value)))
    if wanted and (f" {wanted} " in view.tokens or f" {wanted} " in view.split_tokens):
        return True
    figure = _FIGURE.fullmatch(str(value))
    number = parse_number(figure[1]) if figure else None
    if number is not None and number in view.numbers:
        return True
    return grounding_tier(value, view.row.input, comparator) is not None


def _judgeable(view: RowView, path: str, value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return False
    if isinstance(value, str) and len(value) > MAX_TEXT:
        return False
    declared = view.declared(path)
    return "enum" not in declared and "const" not in declared and not is_derived(declared)


def _worst(measured: Mapping[str, Mapping[str, Any]], judged: Sequence[str]) -> str:
    """Return the fields with the most values not found, and those that are suspect as a whole."""
    single, whole = [], []
    for path in sorted(judged, key=lambda path: (-measured[path]["unsupported"], path)):
        missing, share = (
            measured[path]["unsupported"],
            measured[path]["unsupported"] / measured[path]["values"],
        )
        if share > MAX_UNSUPPORTED:
            whole.append(f"{100 * share:.0f} % of the values of {path}")
        elif missing:
            single.append(f"{path} {missing:,}")
    suspect = f"; invented, worked out or respelled are {listed(whole)}" if whole else ""
    return (f": {listed(single)}" if single else "") + suspect


def _totals(documents: Counter[tuple[int, int]]) -> tuple[int, int]:
    values = sum(values * count for (values, _), count in documents.items())
    return values, sum(missing * count for (_, missing), count in documents.items())


def _resampled(documents: Counter[tuple[int, int]], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the share not found: as it is, then of ``BOOTSTRAPS`` resamples of the documents."""
    kinds: Sequence[tuple[int, int]] = sorted(documents)
    counts = np.array([documents[kind] for kind in kinds], dtype=np.int64)
    drawn = np.vstack([counts, rng.multinomial(counts.sum(), counts / counts.sum(), BOOTSTRAPS)])
    values = drawn @ np.array([values for values, _ in kinds])
    missing = drawn @ np.array([missing for _, missing in kinds])
    return np.asarray(missing / np.maximum(values, 1), dtype=np.float64)
