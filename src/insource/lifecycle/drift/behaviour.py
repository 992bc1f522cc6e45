"""Whether the model still does what it did: confidence, escalation, length, time, nulls and values.

Every figure is tested, so p-values are adjusted by Holm: the chance that any of them raises an alert without
a drift is ``alpha``. A figure also has to move by ``LEAST``, because with many calls every trifle is beyond
chance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from insource.formats.values import obj
from insource.lifecycle.drift.two_samples import frequencies_differ, numbers_differ, shares_differ
from insource.stats.multiplicity import holm
from insource.types import JsonSchema, Labels, OutputSpec
from insource.types.monitoring import Behaviour, Shift, Unit

LEAST: dict[Unit, tuple[float, float]] = {
    "ratio": (0.02, 0.0),
    "confidence": (0.01, 0.0),
    "characters": (0.0, 0.1),
    "lines": (0.0, 0.1),
    "seconds": (0.0, 0.5),
}
"""By how much a figure has to move: absolute, and relative to the reference."""

MAX_FIELDS = 50
LABEL = "label"
MOSTLY_NEW = 0.5
"""A field with a larger share of new values in the reference itself holds no closed set of values."""


class Answered(NamedTuple):
    """One call as its behaviour is compared. ``answer`` is what was served here, None for others."""

    confidence: float | None
    escalated: bool
    latency_s: float | None = None
    answer: Any = None
    characters: int = 0

    @property
    def local(self) -> bool:
        return not self.escalated


class _Figure(NamedTuple):
    name: str
    unit: Unit
    reference: float
    live: float
    p_value: float


def behaviour(
    reference: Sequence[Answered], window: Sequence[Answered], output: OutputSpec, *, alpha: float
) -> Behaviour:
    """Return every figure in both samples, the surest shift first."""
    figures = [*_of_calls(reference, window), *_of_answers(reference, window, output)]
    adjusted = holm([figure.p_value for figure in figures])
    shifts = [
        Shift(
            name=one.name,
            unit=one.unit,
            reference=one.reference,
            live=one.live,
            p_value=float(p),
            moved=bool(p <= alpha and _large(one)),
        )
        for one, p in zip(figures, adjusted, strict=True)
    ]
    return Behaviour(alpha=alpha, shifts=tuple(sorted(shifts, key=lambda one: (one.p_value, one.name))))


def _large(figure: _Figure) -> bool:
    absolute, relative = LEAST[figure.unit]
    return abs(figure.live - figure.reference) >= max(absolute, relative * abs(figure.reference))


def _of_calls(reference: Sequence[Answered], window: Sequence[Answered]) -> Iterator[_Figure]:
    yield from _number("confidence", "confidence", reference, window, lambda one: one.confidence)
    yield _share("escalated calls", [one.escalated for one in reference], [one.escalated for one in window])
    local = ([one for one in reference if one.local], [one for one in window if one.local])
    yield from _number("length of an answer", "characters", *local, lambda one: one.characters)
    yield from _number("time of an answer", "seconds", *local, lambda one: one.latency_s, np.median)


def _number(
    name: str,
    unit: Unit,
    reference: Sequence[Answered],
    window: Sequence[Answered],
    of: Callable[[Answered], float | None],
    figure: Callable[[NDArray[np.float64]], Any] = np.mean,
) -> Iterator[_Figure]:
    before, after = (
        np.array([value for one in calls if (value := of(one)) is not None], dtype=np.float64)
        for calls in (reference, window)
    )
    if len(before) and len(after):
        yield _Figure(name, unit, float(figure(before)), float(figure(after)), numbers_differ(before, after))


def _share(name: str, before: Sequence[bool], after: Sequence[bool]) -> _Figure:
    counts = (sum(before), len(before), sum(after), len(after))
    shares = (counts[0] / max(counts[1], 1), counts[2] / max(counts[3], 1))
    return _Figure(name, "ratio", *shares, shares_differ(*counts))


def _of_answers(
    reference: Sequence[Answered], window: Sequence[Answered], output: OutputSpec
) -> Iterator[_Figure]:
    before, after = _fields(reference, output), _fields(window, output)
    if not before or not after:
        return
    closed = _closed(output)
    for field in _named(before, after, output):
        old, new = ([one.get(field) for one in sample] for sample in (before, after))
        if not isinstance(output, Labels):
            yield _share(f"{field} is empty", [_empty(one) for one in old], [_empty(one) for one in new])
        texts = ([str(one) for one in old if not _empty(one)], [str(one) for one in new if not _empty(one)])
        if field in closed:
            yield _frequencies(field, *texts)
        elif (figure := _new_values(field, *texts)).reference <= MOSTLY_NEW:
            yield figure


def _fields(calls: Sequence[Answered], output: OutputSpec) -> list[dict[str, Any]]:
    if isinstance(output, Labels):
        return [{LABEL: one.answer} for one in calls if isinstance(one.answer, str)]
    return [one.answer for one in calls if isinstance(one.answer, dict)]


def _named(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]], output: OutputSpec
) -> list[str]:
    """Return the fields of the contract; without one, those that the answers have most often."""
    if isinstance(output, JsonSchema) and (declared := obj(output.definition.get("properties"))):
        return list(declared)[:MAX_FIELDS]
    counted = Counter(field for answer in (*before, *after) for field in answer)
    return [field for field, _ in counted.most_common(MAX_FIELDS)]


def _closed(output: OutputSpec) -> set[str]:
    """Return the fields whose values the contract lists."""
    if isinstance(output, Labels):
        return {LABEL}
    if not isinstance(output, JsonSchema):
        return set()
    declared = obj(output.definition.get("properties"))
    return {field for field, schema in declared.items() if "enum" in obj(schema)}


def _frequencies(field: str, before: Sequence[str], after: Sequence[str]) -> _Figure:
    """Return the value of a closed field whose share moved most; the test is of all values together."""
    old, new = Counter(before), Counter(after)
    n, m = max(len(before), 1), max(len(after), 1)
    most = max(
        sorted(old.keys() | new.keys()), key=lambda value: abs(new[value] / m - old[value] / n), default=""
    )
    p_value = frequencies_differ(before, after)
    return _Figure(f"{field} is {most!r}", "ratio", old[most] / n, new[most] / m, p_value)


def _new_values(field: str, before: Sequence[str], after: Sequence[str]) -> _Figure:
    """Return the share of values that no document of the reference has; one does not witness for itself."""
    known = Counter(before)
    return _share(
        f"{field} has a new value",
        [known[value] < 2 for value in before],
        [value not in known for value in after],
    )


def _empty(value: Any) -> bool:
    return value is None or value in ("", [], {})
