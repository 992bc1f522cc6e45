"""Measure the agreement of reviewers who decided about the same rows, by field and by document."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Hashable, Iterable
from itertools import combinations
from typing import Literal

from insource.dataset.review.apply import outcome
from insource.dataset.review.fields import same
from insource.stats.agreement import cohen_kappa
from insource.stats.intervals import wilson
from insource.types import Estimate, Frozen, ReviewDecision

DOCUMENT = "document"
"""The place of a field's name where whole documents are compared."""

_Rating = dict[str, ReviewDecision]
"""What one reviewer decided about one item, by field."""


class Agreement(Frozen):
    """Two reviewers on one field, or on whole documents: the share decided alike, and Cohen's κ.

    Two agree when both came to the same value, or both rejected it. A document agrees when all its fields
    do. ``categories`` says of what κ is: of the *values* where a closed list is chosen from, else of the
    *verdicts* accepted, edited and rejected. Open values are nearly all different, so that chance would
    never agree on one, and κ of them would be the share decided alike under another name. A document's
    verdict is the gravest of its fields'.
    """

    first: str
    second: str
    field: str
    agreed: Estimate
    kappa: Estimate
    categories: Literal["values", "verdicts"]


def agreement(
    decisions: Iterable[ReviewDecision], closed: Container[str] = frozenset()
) -> tuple[Agreement, ...]:
    """Return every pair of reviewers with rows in common, documents first, then field by field.

    ``closed`` are the fields (JSON Pointers) whose values are chosen from a list.
    """
    rows: dict[str, dict[tuple[str, str], _Rating]] = defaultdict(lambda: defaultdict(dict))
    for decision in decisions:
        # A decision about another state of the row is a decision about another item.
        rows[decision.who][decision.row_id, decision.input][decision.field] = decision
    found = []
    for first, second in combinations(sorted(rows), 2):
        pairs: dict[str, list[tuple[_Rating, _Rating]]] = {DOCUMENT: []}
        for row in sorted(rows[first].keys() & rows[second].keys()):
            one, two = rows[first][row], rows[second][row]
            both = [
                name for name in sorted(one.keys() & two.keys()) if same(one[name].before, two[name].before)
            ]
            for name in both:
                pairs.setdefault(name, []).append(({name: one[name]}, {name: two[name]}))
            if len(one) == len(two) == len(both):
                pairs[DOCUMENT].append((one, two))
        for name in [DOCUMENT, *sorted(pairs.keys() - {DOCUMENT})]:
            if pairs[name]:
                found.append(_agreement(first, second, name, pairs[name], closed))
    return tuple(found)


def _values(rating: _Rating) -> tuple[str, ...]:
    return tuple(outcome(rating[field]) for field in sorted(rating))


def _verdict(rating: _Rating) -> str:
    return max(one.verdict for one in rating.values())  # by alphabet and by gravity


def _agreement(
    first: str, second: str, field: str, ratings: list[tuple[_Rating, _Rating]], closed: Container[str]
) -> Agreement:
    n, alike = len(ratings), sum(_values(one) == _values(two) for one, two in ratings)
    chosen = all(len(one) == 1 and next(iter(one)) in closed for one, _ in ratings)
    category: Callable[[_Rating], Hashable] = _values if chosen else _verdict
    kappa = cohen_kappa([category(one) for one, _ in ratings], [category(two) for _, two in ratings])
    low, high = wilson(alike, n)
    note = ""
    if kappa.value is None:
        note = "both gave one and the same answer throughout, which chance alone would do too"
    elif kappa.interval is None:
        note = "nothing varied, so there is no interval"
    return Agreement(
        first=first,
        second=second,
        field=field,
        agreed=Estimate(value=alike / n, low=low, high=high, n=n, method="Wilson"),
        kappa=Estimate(
            value=kappa.value,
            low=kappa.interval.low if kappa.interval else None,
            high=kappa.interval.high if kappa.interval else None,
            n=n,
            method="Cohen's κ, Fleiss-Cohen-Everitt",
            note=note,
        ),
        categories="values" if chosen else "verdicts",
    )
