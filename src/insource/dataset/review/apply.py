"""Apply review decisions to rows: correct, confirm or drop them, and count what does not apply."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from insource.dataset.review.fields import WHOLE, input_digest, present, same, value_at, with_values
from insource.dataset.rows.staged import Staged
from insource.foundation import canonical
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
        hold = current(decisions, row)
        self.counts["stale"] += len(decisions) - len(hold)
        self.counts["contested"] += len(contested_fields(hold))
        return _applied(row, settled_fields(hold))

    def notes(self) -> tuple[str, ...]:
        """Sentences for the manifest, after all rows."""
        gone = sum(len(found) for row_id, found in self.about.items() if row_id not in self._met)
        counts = self.counts + Counter(stale=gone)
        return tuple(f"{counts[name]} {words}" for name, words in _NOTES.items() if counts[name])


def current(decisions: Iterable[ReviewDecision], row: Row) -> list[ReviewDecision]:
    """Return those decisions whose row still is what they were made about, or what they made of it."""
    about = input_digest(row)
    return [one for one in decisions if one.input == about and _holds(one, value_at(row, one.field))]


def outcome(decision: ReviewDecision) -> str:
    """Return what a decision comes to, as text that is equal for equal outcomes."""
    return "rejected" if decision.verdict == "rejected" else f"= {canonical.dumps(decision.after)}"


def settled_fields(decisions: Sequence[ReviewDecision]) -> dict[str, ReviewDecision]:
    """By field, the decision that all who decided about it agree on; contested fields are left out."""
    by_field: dict[str, dict[str, ReviewDecision]] = defaultdict(dict)
    for decision in decisions:
        by_field[decision.field].setdefault(outcome(decision), decision)
    return {field: next(iter(ones.values())) for field, ones in by_field.items() if len(ones) == 1}


def contested_fields(decisions: Sequence[ReviewDecision]) -> frozenset[str]:
    """Return the fields that reviewers decided differently."""
    return frozenset({one.field for one in decisions} - settled_fields(decisions).keys())


def _holds(decision: ReviewDecision, value: Any) -> bool:
    applied = decision.verdict == "edited" and same(value, decision.after)
    return applied or same(value, decision.before)


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
