"""Slices of the test documents, found and named without anybody asking, and the paired difference on each."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from insource.evaluation.comparison.difficulty import Difficulty
from insource.evaluation.comparison.pairs import (
    Pairs,
    Side,
    gain_sign,
    pair,
    pair_values,
    require_by_document,
)
from insource.evaluation.comparison.questions import on_documents, signed_estimate
from insource.evaluation.metrics import UNDECLARED
from insource.matching.acceptable import RIGHT
from insource.stats.multiplicity import benjamini_hochberg
from insource.types import EvalRecord, Example
from insource.types.comparison import SliceFinding, Slices

_READ = 500  # characters, enough to tell a language
MIN_N = 30
"""On fewer documents a slice shows little but noise."""


class DocumentSlice(NamedTuple):
    """Documents that have something in common."""

    kind: str
    name: str
    rows: frozenset[str]


def document_slices(
    test: Sequence[Example],
    records: Sequence[EvalRecord],
    difficulties: Sequence[Difficulty],
) -> tuple[DocumentSlice, ...]:
    """Return the slices of the test documents; the same for every pair of arms.

    They are made by group, length (thirds), newest month, seen and unseen groups (from any arm's
    ``records``), language, and the other measures of difficulty (thirds). A slice that would hold every
    document is left out.
    """
    seen = {record.row_id: record.group_seen for record in records if record.group_seen is not None}
    named = {
        "group": {e.row_id: e.group for e in test if e.group is not None},
        "groups": {row: "seen in training" if known else "unseen in training" for row, known in seen.items()},
        "time": _newest_month(test),
        "language": _languages(test),
    }
    found = [part for kind, names in named.items() for part in _by_name(kind, names, len(test))]
    for measure in difficulties:
        found += _thirds(measure)
    return tuple(found)


def compare_slices(
    candidate: Side,
    baseline: Side,
    slices: Sequence[DocumentSlice],
    *,
    metric: str,
    alpha: float = 0.05,
    min_n: int = MIN_N,
) -> Slices:
    """Compare two arms on every slice and field with at least ``min_n`` documents, the worst first.

    Each is a paired test by document; p-values are corrected over all of them by Benjamini and Hochberg. A
    slice with a corrected loss is a *possible regression*: nobody asked for it before the results were seen.

    Raises:
        ConfigError, DataError: as ``compare``.
    """
    require_by_document(metric, [*candidate[1], *baseline[1]])
    pairs = pair(candidate, baseline, metric)
    parts = list(_parts(pairs, slices, metric, candidate, baseline))
    enough = [part for part in parts if len(part.pairs.row_ids) >= min_n]
    found = [_finding(part, alpha) for part in enough]
    tested = [one.p_value for one in found if one.p_value is not None]
    q_values = iter(benjamini_hochberg(tested).tolist())
    ranked = []
    for one, part in zip(found, enough, strict=True):
        q = None if one.p_value is None else next(q_values)
        gain = gain_sign(part.metric) * (one.difference.value or 0.0)
        regression = q is not None and q <= alpha and gain < 0
        ranked.append((not regression, gain, one.model_copy(update={"q_value": q, "regression": regression})))
    ranked.sort(key=lambda both: both[:2])
    result = Slices(
        candidate=candidate[0].name,
        baseline=baseline[0].name,
        metric=metric,
        min_n=min_n,
        found=tuple(one for _, _, one in ranked),
        too_small=len(parts) - len(enough),
    )
    return result.model_copy(update={"sentence": _sentence(result)})


class _Part(NamedTuple):
    kind: str
    name: str
    metric: str
    pairs: Pairs


def _parts(
    pairs: Pairs, slices: Sequence[DocumentSlice], metric: str, candidate: Side, baseline: Side
) -> Iterator[_Part]:
    place = {row: index for index, row in enumerate(pairs.row_ids)}
    for one in slices:
        rows = sorted(place[row] for row in one.rows if row in place)
        if rows and len(rows) < len(pairs.row_ids):
            yield _Part(one.kind, one.name, metric, _selected(pairs, rows))
    shares = {id(record): _field_shares(record) for record in (*candidate[1], *baseline[1])}
    paths = dict.fromkeys(path for found in shares.values() for path in found or ())
    for path in paths if len(paths) > 1 else ():
        of_path = pair_values(candidate, baseline, partial(_field_value, shares, path))
        yield _Part("field", path, "field_accuracy", of_path)


def _field_value(
    shares: Mapping[int, dict[str, float] | None], path: str, record: EvalRecord
) -> float | None:
    """Return the share of one field: 0 for a failed call, None where the document has no such field."""
    found = shares[id(record)]
    return 0.0 if found is None else found.get(path)


def _field_shares(record: EvalRecord) -> dict[str, float] | None:
    """Return the share of right slots by declared field; None for a failed call."""
    if record.score is None:
        return None
    right: dict[str, list[bool]] = {}
    for slot in record.score.slots:
        if not slot.path.endswith(UNDECLARED):
            right.setdefault(slot.path, []).append(slot.bucket in RIGHT)
    return {path: sum(found) / len(found) for path, found in right.items()}


def _selected(pairs: Pairs, rows: Sequence[int]) -> Pairs:
    return pairs._replace(
        candidate=pairs.candidate[rows],
        baseline=pairs.baseline[rows],
        groups=tuple(pairs.groups[i] for i in rows),
        seen=tuple(pairs.seen[i] for i in rows),
        row_ids=tuple(pairs.row_ids[i] for i in rows),
    )


def _finding(part: _Part, alpha: float) -> SliceFinding:
    gains = part.pairs.gains(part.metric)
    gain = on_documents(gains, (None,) * len(gains), part.metric, 1 - alpha).gain
    return SliceFinding(
        kind=part.kind,
        name=part.name,
        n=len(gains),
        candidate_value=float(part.pairs.candidate.mean()),
        baseline_value=float(part.pairs.baseline.mean()),
        difference=signed_estimate(gain, gain_sign(part.metric), len(gains), 1 - alpha, ""),
        p_value=gain.p_value,
        q_value=None,
    )


def _sentence(result: Slices) -> str:
    tested, lost = len(result.found), [one for one in result.found if one.regression]
    small = f" {result.too_small} with fewer than {result.min_n} documents are left out."
    small = small if result.too_small else ""
    if not tested:
        return f"No slice has {result.min_n} documents.{small}"
    if not lost:
        return f"None of {tested} slices is a possible regression of {result.candidate}.{small}"
    names = ", ".join(f"{one.kind} {one.name}" for one in lost[:5])
    more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
    count = "1 possible regression" if len(lost) == 1 else f"{len(lost)} possible regressions"
    return f"{count} of {result.candidate} among {tested} slices: {names}{more}.{small}"


def _by_name(kind: str, names: Mapping[str, str], total: int) -> list[DocumentSlice]:
    rows: dict[str, list[str]] = defaultdict(list)
    for row, name in names.items():
        rows[name].append(row)
    return [DocumentSlice(kind, name, frozenset(has)) for name, has in rows.items() if len(has) < total]


def _newest_month(test: Sequence[Example]) -> dict[str, str]:
    """Return the rows of the newest month; none where all are of one month."""
    months = {e.row_id: e.time[:7] for e in test if e.time}
    if len(set(months.values())) < 2:
        return {}
    newest = max(months.values())
    return {row: f"newest month ({month})" for row, month in months.items() if month == newest}


def _languages(test: Sequence[Example]) -> dict[str, str]:
    from insource.dataset.checks.language_mix import language_of

    found = {e.row_id: language_of(e.input[:_READ]) for e in test}
    # What is not certain says nothing, and neither does a slip or two of the identifier.
    often = {name for name, count in Counter(found.values()).items() if name and count >= MIN_N}
    return {row: name for row, name in found.items() if name in often} if len(often) > 1 else {}


def _thirds(measure: Difficulty) -> list[DocumentSlice]:
    """Return the easiest, middle and hardest third, or one slice a value where there are at most three."""
    rows, values = list(measure.values), np.array(list(measure.values.values()))
    levels = np.unique(values)
    if len(levels) < 2:
        return []
    if len(levels) <= 3:
        names = {row: f"{value:.2g} {measure.unit}" for row, value in measure.values.items()}
        return _by_name(measure.name, names, len(rows))
    first, second = np.quantile(values, (1 / 3, 2 / 3))
    third = (values > first).astype(int) + (values > second)
    names = {}
    for index, word in enumerate(("lowest third", "middle third", "highest third")):
        inside = values[third == index]
        if inside.size:
            span = f"{inside.min():,.3g} to {inside.max():,.3g} {measure.unit}"
            names |= {rows[i]: f"{word} ({span})" for i in np.flatnonzero(third == index)}
    return _by_name(measure.name, names, len(rows))
