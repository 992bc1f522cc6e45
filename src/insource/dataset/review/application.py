"""Decisions become rows: corrected, vouched for, or dropped, and what could not be applied is counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from insource import canonical
from insource.dataset.review.fields import WHOLE, input_digest, present, same, value_at, with_values
from insource.dataset.staging import Staged
from insource.types import Dropped, ReviewDecision, Row

STEP = "review"
_NOTES = {
    "stale": "review decisions are stale: the row has changed since, or is gone; they were not applied.",
    "contested": "reviewed fields are contested: the reviewers disagree; they were left as they were.",
}


def apply_reviews(rows: Staged, decisions: Iterable[ReviewDecision]) -> tuple[str, ...]:
    """Put the rows through the decisions about them, in place; returns notes on what was not applied."""
    review = Review(decisions)
    if not review.about:
        return ()
    rows.transform(STEP, review)
    return review.notes()


class Review:
    """The decisions as a transformation of rows.

    A decision about a field whose row or value has changed since is *stale* and not applied. A field
    on which reviewers disagree is *contested* and left as it is. Applying twice changes nothing more.
    """

    def __init__(self, decisions: Iterable[ReviewDecision]) -> None:
        self.about: dict[str, list[ReviewDecision]] = defaultdict(list)
        for decision in decisions:
            self.about[decision.row_id].append(decision)
        self.counts: Counter[str] = Counter()
        self._met: set[str] = set()

    def __call__(self, index: int, row: Row) -> Row | Dropped:
        decisions = self.about.get(row.row_id)
        if decisions is None:
            return row
        self._met.add(row.row_id)
        current = [decision for decision in decisions if is_current(decision, row)]
        self.counts["stale"] += len(decisions) - len(current)
        settled = settled_fields(current)
        self.counts["contested"] += len({one.field for one in current} - set(settled))
        return _applied(row, settled)

    def notes(self) -> tuple[str, ...]:
        """Sentences for the manifest, after all rows."""
        gone = sum(len(found) for row_id, found in self.about.items() if row_id not in self._met)
        counts = self.counts + Counter(stale=gone)
        return tuple(f"{counts[name]} {words}" for name, words in _NOTES.items() if counts[name])


def is_current(decision: ReviewDecision, row: Row) -> bool:
    """Whether the row still is what the decision was made about, or what it made of it."""
    if decision.input != input_digest(row):
        return False
    value = value_at(row, decision.field)
    applied = decision.verdict == "edited" and same(value, decision.after)
    return applied or same(value, decision.before)


def outcome(decision: ReviewDecision) -> str:
    """What a decision comes to, as text that is equal for equal outcomes."""
    return "rejected" if decision.verdict == "rejected" else f"= {canonical.dumps(decision.after)}"


def settled_fields(decisions: Sequence[ReviewDecision]) -> dict[str, ReviewDecision]:
    """By field, the decision that all who decided about it agree on; contested fields are left out."""
    by_field: dict[str, dict[str, ReviewDecision]] = defaultdict(dict)
    for decision in decisions:
        by_field[decision.field].setdefault(outcome(decision), decision)
    return {field: next(iter(ones.values())) for field, ones in by_field.items() if len(ones) == 1}


def _applied(row: Row, settled: dict[str, ReviewDecision]) -> Row | Dropped:
    for decision in settled.values():
        if decision.verdict == "rejected":
            detail = f"{decision.who} rejected {decision.field or 'the answer'}"
            return Dropped(row_id=row.row_id, line=row.line, reason="rejected-in-review", detail=detail)
    corrected = with_values(row, {field: decision.after for field, decision in settled.items()})
    provenance: dict[str, Any] = {}
    if row.provenance.label == "teacher":
        if corrected is not row:
            provenance["human_edited"] = True
        if WHOLE in settled or all(field.pointer in settled for field in present(corrected)):
            provenance["label"] = "checked"
    if not provenance:
        return corrected
    return corrected.model_copy(update={"provenance": row.provenance.model_copy(update=provenance)})
