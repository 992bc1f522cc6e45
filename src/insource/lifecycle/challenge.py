"""Is a challenger let onto the ladder: not where it is worse than the champion, or worse on a part."""

from __future__ import annotations

from insource.types import Comparison
from insource.types.comparison import Outcome, Slices
from insource.types.retraining import Ruling

SEALED, FRESH = "the sealed test documents", "the fresh ones"


def ruling(
    sealed: Comparison | None,
    fresh: Comparison | None,
    slices: Slices | None,
    *,
    champion: str,
    learned: int = 0,
    looks: int = 0,
    notes: tuple[str, ...] = (),
) -> Ruling:
    """Return whether a challenger passes, by its comparisons with the champion, in this order:

    - *worse* on the sealed or on the fresh documents, or a possible regression on one slice: it is kept out;
    - *better* on one of them, or *not worse* on the sealed ones: it passes;
    - else nothing is shown, and the champion stays.

    The outcomes are those corrected for two comparisons, and those of slices for their number. Whoever passes
    has still to pass the ladder.
    """
    found = [(where, one) for where, one in ((SEALED, sealed), (FRESH, fresh)) if one is not None]
    passes, reason = _ruled(found, slices, champion)
    return Ruling(
        passes=passes,
        reason=reason,
        sealed=sealed,
        fresh=fresh,
        slices=slices,
        learned=learned,
        looks=looks,
        notes=notes,
    )


def ruling_alone(today: Comparison | None, *, champion: str) -> Ruling:
    """Return whether a challenger passes whose champion answers another contract.

    The two cannot be compared. ``today`` is its comparison with today's way: it must not be worse.
    """
    note = f"{champion} answers another contract, so that its answers cannot be scored by this one."
    if today is None:
        return Ruling(passes=False, reason=f"{champion} stays: the challenger was compared with nothing.")
    shown = f"{outcome(today) or 'not comparable'} against {today.baseline}: {_figures(today)}"
    passes = outcome(today) in ("better", "not worse")
    return Ruling(
        passes=passes,
        reason=f"The challenger is {shown}." if passes else f"{champion} stays: the challenger is {shown}.",
        notes=(note,),
    )


def outcome(comparison: Comparison) -> Outcome | None:
    """Return the outcome, corrected where it was one of several."""
    return comparison.adjusted.outcome if comparison.adjusted else comparison.outcome


def _ruled(found: list[tuple[str, Comparison]], slices: Slices | None, champion: str) -> tuple[bool, str]:
    if not found:
        return False, f"{champion} stays: no document tells the two apart that neither has learned."
    for where, one in found:
        if outcome(one) == "worse":
            return False, f"{champion} stays: the challenger is worse on {where}: {_figures(one)}."
    lost = [one for one in slices.found if one.regression] if slices else []
    if lost:
        worst = lost[0]
        more = f" and on {len(lost) - 1} more" if lost[1:] else ""
        return False, (
            f"{champion} stays: the challenger is worse on one slice, {worst.kind} {worst.name}{more}: "
            f"{worst.candidate_value:.1%} against {worst.baseline_value:.1%} of {worst.n} documents."
        )
    for where, one in found:
        if outcome(one) == "better":
            return True, f"The challenger is better on {where}: {_figures(one)}."
    sealed = next((one for where, one in found if where == SEALED), None)
    if sealed is not None and outcome(sealed) == "not worse":
        within = f"not worse by more than {sealed.margin:.1%}"
        return True, f"The challenger is {within} on {SEALED}: {_figures(sealed)}."
    where, one = found[0]
    required = one.required_n
    more = f"; about {required:,} documents would tell" if required else ""
    return False, f"{champion} stays: nothing is shown on {where}: {_figures(one)}{more}."


def _figures(one: Comparison) -> str:
    """Return the difference with its interval and number of documents."""
    difference = one.adjusted.difference if one.adjusted else one.difference
    value = "unknown" if difference.value is None else f"{difference.value:+.1%}"
    between = (
        f" [{difference.low:+.1%}, {difference.high:+.1%}]"
        if difference.low is not None and difference.high is not None
        else ""
    )
    return f"{one.metric.replace('_', ' ')} {value}{between}, n = {one.n}"
