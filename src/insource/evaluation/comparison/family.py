"""Several arms compared: the primary comparison as it is, the others corrected for their number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from insource.evaluation.compare import Compared, Terms, compared
from insource.evaluation.comparison.pairs import Side, gain_sign
from insource.evaluation.comparison.questions import decide
from insource.stats.multiplicity import Simultaneous, simultaneous
from insource.types import Comparison, Estimate
from insource.types.comparison import Adjusted, Outcome

METHOD = "Holm in each direction, with its simultaneous intervals"

Pairing = tuple[str, str]
"""The names of candidate and baseline."""


def compare_family(
    sides: Sequence[tuple[Side, Side]],
    terms: Terms,
    *,
    primary: Pairing | None,
    not_comparable: Mapping[Pairing, str] | None = None,
) -> tuple[Comparison, ...]:
    """Compare each pair of arms, candidate first, and correct all but the ``primary`` one.

    The primary comparison was chosen before the test split was looked at, so it needs no correction. Without
    one, all are corrected. Simulated arms and pairs that are not comparable get no outcome and are not in the
    family.

    Raises:
        ConfigError, DataError: as ``compare``.
    """
    reasons = not_comparable or {}
    found = [compared(*pair, terms, reasons.get((pair[0][0].name, pair[1][0].name), "")) for pair in sides]
    return adjust(found, terms, primary)


def adjust(found: Sequence[Compared], terms: Terms, primary: Pairing | None) -> tuple[Comparison, ...]:
    """Correct these comparisons for their number, all but the ``primary`` one, in their order."""
    secondary = [
        index
        for index, one in enumerate(found)
        if one.comparison.outcome not in (None, "not comparable")
        and (one.comparison.candidate, one.comparison.baseline) != primary
    ]
    results = [one.comparison for one in found]
    corrected = simultaneous([found[index].test for index in secondary], terms.margin, terms.alpha)
    for index, one in zip(secondary, corrected, strict=True):
        value = _adjusted(results[index], one, len(secondary), terms)
        results[index] = results[index].model_copy(update={"adjusted": value})
    return tuple(results)


def _adjusted(comparison: Comparison, found: Simultaneous, family: int, terms: Terms) -> Adjusted:
    sign, interval = gain_sign(terms.metric), found.interval
    low, high = (None, None) if interval is None else sorted(sign * end + 0.0 for end in interval)
    outcome: Outcome = "better" if found.better else decide(interval, terms.margin)
    if found.worse and outcome == "inconclusive":
        outcome = "worse"
    return Adjusted(
        family=family,
        method=METHOD,
        difference=Estimate(
            value=comparison.difference.value,
            low=low,
            high=high,
            confidence=1 - terms.alpha,
            n=comparison.n,
            method=f"{comparison.test}; simultaneous over {family} comparisons, an end at zero is excluded",
        ),
        p_value=found.p_value,
        p_not_worse=found.p_not_worse,
        outcome=outcome,
    )
