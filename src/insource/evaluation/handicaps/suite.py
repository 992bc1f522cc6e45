"""Look for every handicap of a cloud, and say whether a comparison stands without them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from insource.evaluation.comparison.pairs import gain_sign
from insource.evaluation.comparison.questions import decide
from insource.evaluation.gold.source import disagreements
from insource.evaluation.handicaps import (
    copied_labels,
    missing_labels,
    no_answer,
    old_prompt,
    other_keys,
    sampled_answers,
    shown_items,
    spelling,
    teacher_labels,
)
from insource.evaluation.handicaps.case import Case, Detector, Found, Records
from insource.foundation.errors import DataError
from insource.matching.assignment import canonical
from insource.stats.intervals import Interval
from insource.types import Comparison, EvalRecord, Fairness, Handicap
from insource.types.handicap import Remaining

HANDICAPS: tuple[Detector, ...] = (
    teacher_labels.find,
    copied_labels.find,
    shown_items.find,
    missing_labels.find,
    old_prompt.find,
    other_keys.find,
    spelling.find,
    no_answer.find,
    sampled_answers.find,
)
"""The gravest first; the first that decides gives the reason."""

Recompute = Callable[[Records, Records], Comparison]
"""Compares the candidate's records with the cloud's."""


def find_handicaps(case: Case) -> tuple[Found, ...]:
    """Return every handicap of a real cloud. Other arms have none: they were asked with today's prompt."""
    if case.arm.role != "reference" or case.arm.simulated:
        return ()
    return tuple(found for detector in HANDICAPS if (found := detector(case)) is not None)


def weigh(
    comparison: Comparison,
    found: Sequence[Found],
    candidate: Records,
    cloud: Records,
    recompute: Recompute,
) -> Fairness:
    """Return the handicaps with what remains of the comparison without each, and without all.

    A handicap decides when the outcome without it is another, and so because the difference is another, not
    because fewer documents are left; or when no document is left. Where one decides, or all together do, the
    reason says so: the outcome is then *not comparable*. It is so, too, where the two were scored against
    different labels.
    """
    if other := scored_otherwise(candidate, cloud):
        return Fairness(
            reason=f"{comparison.candidate} and {comparison.baseline} are not scored against the same "
            f"labels: {len(other):,} documents differ ({', '.join(other[:3])}), as after a change of the "
            "schema. Evaluate both again: insource evaluate"
        )
    differing = frozenset(disagreements(candidate, cloud))
    found = [
        one._replace(left_out=frozenset()) if one.of_labels and not one.left_out & differing else one
        for one in found
    ]
    certain = [one for one in found if one.handicap.certain]
    handicaps = tuple(
        _weighed(comparison, one, _without(comparison, [one], candidate, cloud, recompute)) for one in found
    )
    everything = _without(comparison, certain, candidate, cloud, recompute) if certain else None
    return Fairness(
        handicaps=handicaps,
        remaining=everything,
        reason=_reason(comparison, handicaps, everything),
    )


def scored_otherwise(candidate: Records, cloud: Records) -> tuple[str, ...]:
    """Return the documents whose label has other values for one arm than for the other."""
    theirs = {record.row_id: _labelled(record) for record in cloud if record.score is not None}
    return tuple(
        record.row_id
        for record in candidate
        if record.score is not None and record.row_id in theirs and _labelled(record) != theirs[record.row_id]
    )


def _labelled(record: EvalRecord) -> list[tuple[str, str]]:
    slots = record.score.slots if record.score else ()
    return sorted((slot.path, canonical(slot.gold)) for slot in slots if slot.gold is not None)


def _weighed(comparison: Comparison, found: Found, remaining: Remaining) -> Handicap:
    decides = found.handicap.certain and _decides(comparison, remaining)
    return found.handicap.model_copy(update={"remaining": remaining, "decides": decides})


def _reason(comparison: Comparison, handicaps: Sequence[Handicap], everything: Remaining | None) -> str:
    for handicap in handicaps:
        if handicap.decides and handicap.remaining is not None:
            return f"{handicap.sentence} {_what_remains(handicap.remaining)} {handicap.next_step}"
    if everything is not None and _decides(comparison, everything):
        named = " ".join(one.sentence for one in handicaps if one.certain)
        steps = " ".join(dict.fromkeys(one.next_step for one in handicaps if one.certain))
        return f"{named} Without them together: {_what_remains(everything)} {steps}"
    return ""


def _what_remains(remaining: Remaining) -> str:
    difference = remaining.difference
    if not remaining.documents or difference.value is None:
        return "Without it, no document is left to compare."
    ends = (
        ""
        if difference.low is None or difference.high is None
        else f" ({difference.confidence:.0%} interval {difference.low * 100:+.1f} to "
        f"{difference.high * 100:+.1f})"
    )
    return (
        f"Without it, the difference is {difference.value * 100:+.1f} points{ends} on "
        f"{remaining.documents:,} documents: {remaining.outcome or 'no outcome'}."
    )


def _without(
    comparison: Comparison, found: Sequence[Found], candidate: Records, cloud: Records, recompute: Recompute
) -> Remaining:
    """Return the comparison without these handicaps."""
    try:
        again = recompute(without(candidate, found, mend=False), without(cloud, found, mend=True))
    except DataError as error:
        if error.code != "no-common-documents":
            raise
        return Remaining()
    return Remaining(
        documents=again.n, cloud=again.baseline_value, difference=again.difference, outcome=again.outcome
    )


def without(records: Records, found: Sequence[Found], *, mend: bool) -> Records:
    """Return the records of a comparison without these handicaps; ``mend`` applies to the cloud's own."""
    left_out = frozenset().union(*(one.left_out for one in found))
    unjudged = frozenset().union(*(one.unjudged for one in found))
    kept = []
    for record in records:
        if record.row_id in left_out:
            continue
        for one in found if mend else ():
            if record.row_id in one.mended:
                record = record.model_copy(update={"score": one.mended[record.row_id], "status": "scored"})
        kept.append(_on_others(record, unjudged) if unjudged else record)
    return tuple(kept)


def _on_others(record: EvalRecord, unjudged: frozenset[str]) -> EvalRecord:
    """Return a record without the slots of fields that are not judged."""
    if record.score is None:
        return record
    slots = tuple(
        slot for slot in record.score.slots if slot.path.split(".")[0].split("[")[0] not in unjudged
    )
    exact = all(slot.bucket in ("correct", "correctly_empty") for slot in slots)
    score = record.score.model_copy(update={"slots": slots, "exact": exact})
    return record.model_copy(update={"score": score})


def _decides(comparison: Comparison, remaining: Remaining) -> bool:
    if remaining.difference.value is None:
        return True
    return remaining.outcome != comparison.outcome and _moved(comparison, remaining) != _at(comparison, 0.0)


def _moved(comparison: Comparison, remaining: Remaining) -> str:
    """Return the outcome that the remaining difference would have with the precision of all documents."""
    full, left = comparison.difference.value, remaining.difference.value
    return _at(comparison, 0.0 if full is None or left is None else left - full)


def _at(comparison: Comparison, shift: float) -> str:
    """Return the outcome of this comparison's interval, moved by ``shift``."""
    low, high = comparison.difference.low, comparison.difference.high
    if low is None or high is None:
        return "inconclusive" if not shift else "without an interval"
    ends = sorted(gain_sign(comparison.metric) * (end + shift) for end in (low, high))
    return decide(Interval(*ends), comparison.margin)
