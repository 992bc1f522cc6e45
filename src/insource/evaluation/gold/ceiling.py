"""Estimate from double labels how right the labels are: the ceiling that any arm could reach."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from insource.dataset.review.apply import outcome
from insource.dataset.review.fields import same
from insource.stats.intervals import wilson
from insource.types import NOT_MEASURED, Estimate, Labels, OutputSpec, ReviewDecision
from insource.types.ceiling import NoiseCeiling

_METHOD = "from the agreement of two labels, Wilson"
_ASSUMED = "if the two err independently; where they make the same mistakes, the ceiling is lower"


class _Pair(NamedTuple):
    """One document decided by two people: whether they agree, by field and whole, and both confirm it."""

    alike: Mapping[str, bool]
    confirmed: bool

    @property
    def whole(self) -> bool:
        return all(self.alike.values())


def noise_ceiling(decisions: Iterable[ReviewDecision], output: OutputSpec) -> NoiseCeiling:
    """Return the ceiling from the rows that at least two people decided about.

    Of each row, the first two reviewers by name are compared on the state of the row that both saw and the
    fields that both decided. Reviewers who see the label as it stands agree more than they would without it.
    With no such row, nothing is measured.
    """
    pairs = _pairs(decisions)
    if not pairs:
        return NoiseCeiling(sentence="No document has labels of two people, so their noise is not known.")
    labels = len(output.names) if isinstance(output, Labels) else None
    agreed = _share([pair.whole for pair in pairs])
    fields: dict[str, list[bool]] = defaultdict(list)
    for pair in pairs:
        for field, alike in pair.alike.items():
            fields[field].append(alike)
    found = NoiseCeiling(
        documents=len(pairs),
        agreed=agreed,
        ceiling=label_accuracy(agreed, labels),
        adjudicated=adjudicated_accuracy(agreed, labels),
        confirmed=_share([pair.confirmed for pair in pairs]),
        fields={field: label_accuracy(_share(alike), labels) for field, alike in sorted(fields.items())},
    )
    return found.model_copy(update={"sentence": _sentence(found)})


def label_accuracy(agreed: Estimate, labels: int | None = None) -> Estimate:
    """Return how often a single label is right, from how often two agree.

    With accuracy p, two labels agree when both are right, p², or when both err alike, (1 - p)² q. Wrong
    values of a field are nearly never the same (q = 0); of k ``labels``, two wrong ones are the same once in
    k - 1. This is solved for p from the share of agreement and from the ends of its interval.

    Examples:
        >>> from insource import Estimate
        >>> from insource.evaluation.gold.ceiling import label_accuracy
        >>> round(label_accuracy(Estimate(value=0.81, low=0.72, high=0.88, n=100)).value, 3)
        0.9
    """
    return _transformed(agreed, lambda share: _accuracy(share, labels))


def adjudicated_accuracy(agreed: Estimate, labels: int | None = None) -> Estimate:
    """Return how often a label is right after a third person, as accurate as the two, settled differences."""

    def settled(share: float) -> float | None:
        accuracy = _accuracy(share, labels)
        return None if accuracy is None else accuracy**2 + (1 - share) * accuracy

    return _transformed(agreed, settled)


def _accuracy(share: float, labels: int | None) -> float | None:
    alike = 1 / (labels - 1) if labels and labels > 1 else 0.0
    inside = share * (1 + alike) - alike
    return None if inside < 0 else min(1.0, (alike + math.sqrt(inside)) / (1 + alike))


def _transformed(agreed: Estimate, change: Callable[[float], float | None]) -> Estimate:
    """Return the estimate of an increasing function of a share."""
    if agreed.value is None:
        return NOT_MEASURED
    value = change(agreed.value)
    if value is None:
        return Estimate(
            value=None, n=agreed.n, method=_METHOD, note="the two agree no more often than by chance"
        )
    low = None if agreed.low is None else change(agreed.low)
    high = None if agreed.high is None else change(agreed.high)
    return Estimate(
        value=value,
        low=low if low is not None or agreed.low is None else 0.0,
        high=high,
        confidence=agreed.confidence,
        n=agreed.n,
        method=_METHOD,
        note=_ASSUMED,
    )


def _pairs(decisions: Iterable[ReviewDecision]) -> list[_Pair]:
    rows: dict[tuple[str, str], dict[str, dict[str, ReviewDecision]]] = defaultdict(lambda: defaultdict(dict))
    for one in decisions:
        rows[one.row_id, one.input][one.who][one.field] = one
    found = []
    for by_reviewer in rows.values():
        if len(by_reviewer) < 2:
            continue
        first, second = (by_reviewer[who] for who in sorted(by_reviewer)[:2])
        both = [
            (first[field], second[field])
            for field in sorted(first.keys() & second.keys())
            if same(first[field].before, second[field].before)
        ]
        if both:
            found.append(_pair(both))
    return found


def _pair(both: Sequence[tuple[ReviewDecision, ReviewDecision]]) -> _Pair:
    return _Pair(
        {one.field: outcome(one) == outcome(two) for one, two in both},
        all(decision.verdict == "accepted" for pair in both for decision in pair),
    )


def _share(events: Sequence[bool]) -> Estimate:
    low, high = wilson(sum(events), len(events))
    return Estimate(value=sum(events) / len(events), low=low, high=high, n=len(events), method="Wilson")


def _sentence(found: NoiseCeiling) -> str:
    ceiling, settled = found.ceiling, found.adjudicated
    opening = f"Two people agree on {_percent(found.agreed.value)} of {found.documents:,} documents"
    if ceiling.value is None:
        return f"{opening}, which is no more than chance: against such labels nothing can be measured."
    ends = (
        ""
        if ceiling.low is None or ceiling.high is None
        else f" ({_percent(ceiling.low)} to {_percent(ceiling.high)})"
    )
    return (
        f"{opening}: a single label is right on about {_percent(ceiling.value)}{ends}, and an arm that is "
        f"always right would be measured at that. Settling the differences would raise it to about "
        f"{_percent(settled.value)}."
    )


def _percent(value: float | None) -> str:
    return "an unknown share" if value is None else f"{value * 100:.1f} %"
