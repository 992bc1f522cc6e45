"""Whether the model still does what it did: confidence, escalation, length, time, nulls and values.

Every figure is tested, and their p-values hold together: the chance that any of them raises an alert without
a drift is ``alpha`` at most. A figure also has to move by ``LEAST``, because with many calls every trifle is
beyond chance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from insource.formats.values import obj
from insource.foundation.rng import generator
from insource.lifecycle.drift.effect import is_large
from insource.lifecycle.drift.permutation import Sides, adjusted_together
from insource.types import JsonSchema, Labels, OutputSpec
from insource.types.monitoring import Behaviour, Shift, Unit

MAX_FIELDS = 50
LABEL = "label"
RARE = 10
"""A value of a closed field that both samples together have less often has no figure of its own."""

Floats = NDArray[np.float64]


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

    @property
    def length(self) -> int | None:
        """The length of the answer that was served here, in characters."""
        return self.characters if self.local else None

    @property
    def seconds(self) -> float | None:
        """The time that the answer took that was served here."""
        return self.latency_s if self.local else None


class _Figure(NamedTuple):
    """A figure in both samples, and its statistic as observed and under each permutation."""

    name: str
    unit: Unit
    reference: float
    live: float
    statistic: Floats


def behaviour(
    reference: Sequence[Answered],
    window: Sequence[Answered],
    output: OutputSpec,
    *,
    alpha: float,
    seed: int = 0,
) -> Behaviour:
    """Return every figure in both samples, the surest shift first. Both are in the order of the calls."""
    sides = Sides.of(len(reference), len(window), generator(seed, "drift.behaviour"), alpha=alpha)
    compared = _Compared([*reference, *window], len(reference), sides)
    figures = [*compared.calls(), *compared.answers(output)]
    if not figures:
        return Behaviour(alpha=alpha, shifts=())
    adjusted = adjusted_together(np.vstack([figure.statistic for figure in figures]))
    shifts = [
        Shift(
            name=one.name,
            unit=one.unit,
            reference=one.reference,
            live=one.live,
            p_value=float(p),
            moved=bool(p <= alpha and is_large(one.unit, one.reference, one.live)),
        )
        for one, p in zip(figures, adjusted, strict=True)
    ]
    return Behaviour(alpha=alpha, shifts=tuple(sorted(shifts, key=lambda one: (one.p_value, one.name))))


class _Compared:
    """All calls, the first ``n`` of which are the reference."""

    def __init__(self, calls: Sequence[Answered], n: int, sides: Sides) -> None:
        self._calls, self._n, self._sides = calls, n, sides

    def calls(self) -> Iterator[_Figure]:
        """Yield the figures of calls: all for confidence and escalation, those served here for the others."""
        yield from self._number("confidence", "confidence", lambda one: one.confidence)
        yield from self._number("escalated calls", "ratio", lambda one: float(one.escalated))
        yield from self._number("length of an answer", "characters", lambda one: one.length)
        yield from self._number("time of an answer", "seconds", lambda one: one.seconds, np.median)

    def answers(self, output: OutputSpec) -> Iterator[_Figure]:
        """Yield the figures of each field: how often it is empty, and its values."""
        answers = [_fields(one, output) for one in self._calls]
        for field in _named([answer for answer in answers if answer is not None], output):
            values = [None if answer is None else answer.get(field) for answer in answers]
            asked = [answer is not None for answer in answers]
            if not isinstance(output, Labels):
                empty = [float(_empty(v)) if a else np.nan for v, a in zip(values, asked, strict=True)]
                yield from self._means(f"{field} is empty", "ratio", np.array(empty))
            said = [None if _empty(value) else str(value) for value in values]
            if field in _closed(output):
                yield from self._frequencies(field, said)
            else:
                yield from self._new_values(field, said)

    def _number(
        self,
        name: str,
        unit: Unit,
        of: Callable[[Answered], float | None],
        figure: Callable[[Floats], Any] = np.mean,
    ) -> Iterator[_Figure]:
        found = (of(one) for one in self._calls)
        yield from self._means(name, unit, np.array([np.nan if v is None else v for v in found]), figure)

    def _means(
        self, name: str, unit: Unit, values: Floats, figure: Callable[[Floats], Any] = np.mean
    ) -> Iterator[_Figure]:
        """Yield a figure that is tested by the mean rank; nothing where a sample has no value."""
        known = ~np.isnan(values)
        before, after = values[: self._n][known[: self._n]], values[self._n :][known[self._n :]]
        if not len(before) or not len(after):
            return
        ranks = np.full(len(values), np.nan)
        ranks[known] = rankdata(values[known])
        statistic = np.abs(self._sides.differences(ranks[:, None])[0])
        yield _Figure(name, unit, float(figure(before)), float(figure(after)), statistic)

    def _frequencies(self, field: str, said: Sequence[str | None]) -> Iterator[_Figure]:
        counted = Counter(value for value in said if value is not None)
        for value in sorted(name for name, count in counted.items() if count >= RARE):
            within = [np.nan if one is None else float(one == value) for one in said]
            yield from self._means(f"{field} is {value!r}", "ratio", np.array(within))

    def _new_values(self, field: str, said: Sequence[str | None]) -> Iterator[_Figure]:
        """Yield the share of values that the reference has not, beside what permutations have of them."""
        if not any(said[: self._n]) or not any(said[self._n :]):
            return
        shares = self._sides.new_values(said)
        usual = float(shares[1:].mean())
        yield _Figure(f"{field} has a new value", "ratio", usual, float(shares[0]), shares)


def _fields(one: Answered, output: OutputSpec) -> dict[str, Any] | None:
    if isinstance(output, Labels):
        return {LABEL: one.answer} if isinstance(one.answer, str) else None
    return one.answer if isinstance(one.answer, dict) else None


def _named(answers: Sequence[dict[str, Any]], output: OutputSpec) -> list[str]:
    """Return the fields of the contract; without one, those that the answers have most often."""
    if isinstance(output, JsonSchema) and (declared := obj(output.definition.get("properties"))):
        return list(declared)[:MAX_FIELDS]
    counted = Counter(field for answer in answers for field in answer)
    return [field for field, _ in counted.most_common(MAX_FIELDS)]


def _closed(output: OutputSpec) -> set[str]:
    """Return the fields whose values the contract lists."""
    if isinstance(output, Labels):
        return {LABEL}
    if not isinstance(output, JsonSchema):
        return set()
    declared = obj(output.definition.get("properties"))
    return {field for field, schema in declared.items() if "enum" in obj(schema)}


def _empty(value: Any) -> bool:
    return value is None or value in ("", [], {})
