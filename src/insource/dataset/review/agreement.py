"""How far reviewers agree who looked at the same rows: by field, and by document."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import combinations

from insource import canonical
from insource.dataset.review.application import outcome
from insource.stats.agreement import cohen_kappa
from insource.stats.intervals import wilson
from insource.types import Estimate, Frozen, ReviewDecision

DOCUMENT = "document"
"""The place of a field's name where whole documents are compared."""


class Agreement(Frozen):
    """Two reviewers on one field, or on whole documents: the share decided alike, and Cohen's κ.

    Two agree when both came to the same value, or both rejected it. A document agrees when all its fields
    do.
    """

    first: str
    second: str
    field: str
    agreed: Estimate
    kappa: Estimate


def agreement(decisions: Iterable[ReviewDecision]) -> tuple[Agreement, ...]:
    """Every pair of reviewers with rows in common, documents first, then field by field."""
    fields: dict[str, dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    documents: dict[str, dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    reviewers: dict[str, set[str]] = defaultdict(set)
    everything = tuple(decisions)
    for decision in everything:
        reviewers[decision.row_id].add(decision.who)
    for decision in everything:
        if len(reviewers[decision.row_id]) < 2:
            continue
        # A decision about another state of the row is a decision about another item.
        row = f"{decision.row_id}\n{decision.input}"
        item = f"{row}\n{canonical.dumps(decision.before)}"
        fields[decision.who][decision.field][item] = outcome(decision)
        documents[decision.who][row][decision.field] = outcome(decision)
    found = []
    for first, second in combinations(sorted(fields), 2):
        one, two = documents[first], documents[second]
        rows = [row for row in sorted(set(one) & set(two)) if one[row].keys() == two[row].keys()]
        if rows:
            pairs = [(_whole(one[row]), _whole(two[row])) for row in rows]
            found.append(_agreement(first, second, DOCUMENT, pairs))
        for field in sorted(set(fields[first]) & set(fields[second])):
            left, right = fields[first][field], fields[second][field]
            if both := sorted(set(left) & set(right)):
                found.append(_agreement(first, second, field, [(left[i], right[i]) for i in both]))
    return tuple(found)


def by_pair(found: Iterable[Agreement]) -> Mapping[tuple[str, str], list[Agreement]]:
    """The agreements of each two reviewers, in order."""
    pairs: dict[tuple[str, str], list[Agreement]] = defaultdict(list)
    for one in found:
        pairs[one.first, one.second].append(one)
    return pairs


def _whole(outcomes: Mapping[str, str]) -> str:
    return canonical.dumps(outcomes)


def _agreement(first: str, second: str, field: str, ratings: list[tuple[str, str]]) -> Agreement:
    n, alike = len(ratings), sum(one == two for one, two in ratings)
    kappa = cohen_kappa([one for one, _ in ratings], [two for _, two in ratings])
    low, high = wilson(alike, n)
    note = ""
    if kappa.value is None:
        note = "both gave one and the same verdict throughout, which chance alone would do too"
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
    )
