"""Serve rows to a reviewer: the next row, its decisions so far, and saving them."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from insource.dataset.checks.row_view import RowView
from insource.dataset.review.agreement import Agreement, agreement
from insource.dataset.review.apply import current
from insource.dataset.review.decisions import DecisionFile
from insource.dataset.review.fields import AnswerField, fields_of, input_digest, row_hash, same, with_values
from insource.dataset.review.queues import (
    QUEUES,
    Answers,
    Contradictions,
    Indices,
    QueueName,
    contradictions,
    disputes,
    missing_values,
    near_key,
    ordered,
)
from insource.dataset.review.ranked import Ranked
from insource.dataset.review.status import Standing, Standings
from insource.dataset.rows.staged import Staged
from insource.dataset.rows.targets import Targets
from insource.foundation.clock import SYSTEM, Clock
from insource.types import AbsentFields, OutputSpec, ReviewDecision, ReviewVerdict, Row


class NotSaved(ValueError):
    """A decision that cannot be saved as it is, in words for the reviewer."""


class FieldVerdict(NamedTuple):
    """What a reviewer says about one field: ``text`` as typed, or the place of one of its choices."""

    pointer: str
    verdict: ReviewVerdict
    text: str = ""
    choice: int | None = None


class QueueProgress(NamedTuple):
    """Rows of a queue that a reviewer has decided, and those still waiting for this reviewer."""

    done: int
    waiting: int


@dataclass(frozen=True)
class ReviewItem:
    """One row to review. ``mine`` and ``others`` are current decisions by field; reasons are sentences.

    ``missing`` are the values of each field that do not stand in the document.
    """

    index: int
    row: Row
    fields: tuple[AnswerField, ...]
    missing: tuple[tuple[str | int | float, ...], ...]
    outputs: dict[str, str]
    mine: dict[str, ReviewDecision]
    others: dict[str, list[ReviewDecision]]
    reasons: tuple[str, ...]


@dataclass
class Workbench:
    """Rows of one source with the decisions about them. Safe to use from several threads.

    ``ranked`` is what the queue ``to-label`` shows, ``waiting`` what ``waiting`` does. ``decided`` is told of
    the decisions about a row once they are kept. ``overlap`` is the share of rows that two reviewers have
    to decide, drawn by ``seed`` and row id, so that it is the same share for everybody.
    """

    rows: Staged
    contract: OutputSpec
    file: DecisionFile
    answers: Answers = field(default_factory=dict)
    ranked: Ranked = field(default_factory=dict)
    waiting: Ranked = field(default_factory=dict)
    decided: Callable[[Row, Sequence[ReviewDecision], str], None] = lambda row, decisions, who: None
    seed: int = 0
    overlap: float = 0.0
    absent_fields: AbsentFields = "null"
    clock: Clock = SYSTEM

    def __post_init__(self) -> None:
        drawn = [(row_hash(row.row_id), _lot(row.row_id, self.seed)) for row in self.rows]
        hashes, self._draws = np.array(drawn, dtype=np.uint64).reshape(-1, 2).T
        self._standings = Standings(self.rows, self.contract, hashes)
        # The low half decides about the overlap, so that the order of the audit says nothing about it.
        self._twice = (self._draws & np.uint64(0xFFFFFFFF)) < np.uint64(int(self.overlap * 2**32))
        self._orders: dict[QueueName, Indices] = {}
        self._saved: dict[str, list[tuple[int, tuple[ReviewDecision, ...]]]] = defaultdict(list)
        self._contradictions: Contradictions | None = None
        self._lock = threading.RLock()

    def order(self, queue: QueueName, watch: Callable[[int, int], None] | None = None) -> Indices:
        """Return the places of a queue's rows, computed when first asked for.

        ``watch`` is called with the rows read so far and all there are.
        """
        with self._lock:
            if queue not in self._orders:
                twins = self._twins() if queue == "disagreements" else {}
                rows = self.rows if watch is None else _watched(self.rows, watch)
                named = tuple(self.waiting if queue == "waiting" else self.ranked)
                self._orders[queue] = ordered(
                    queue, rows, self.contract, self._draws, self.answers, twins, named
                )
            return self._orders[queue]

    def progress(self, queue: QueueName, who: str) -> QueueProgress:
        """Return how far a reviewer is in a queue."""
        mine = self._places([one.place for one in self._standing() if who in one.done])
        return QueueProgress(int(mine[self.order(queue)].sum()), len(self._waiting(queue, who)))

    def following(self, queue: QueueName, who: str, index: int | None = None) -> int | None:
        """Return the next row after ``index`` that waits for this reviewer, cyclically, or None."""
        order, waiting = self.order(queue), self._waiting(queue, who)
        if not len(waiting):
            return None
        here = -1 if index is None else next(iter(np.flatnonzero(order == index)), -1)
        later = waiting[waiting > here]
        return int(order[later[0] if len(later) else waiting[0]])

    def elsewhere(self, queue: QueueName, who: str) -> tuple[QueueName, int] | None:
        """Return another queue in which rows wait for this reviewer, and how many, or None."""
        others = ((name, len(self._waiting(name, who))) for name in QUEUES if name != queue)
        return next(((name, waiting) for name, waiting in others if waiting), None)

    def item(self, queue: QueueName, who: str, index: int) -> ReviewItem:
        """Return the row at a place, with what was decided about it so far.

        What other reviewers decided shows in the contested queue only: a second opinion is one that has
        not seen the first.
        """
        row = self.rows[index]
        mine: dict[str, ReviewDecision] = {}
        others: dict[str, list[ReviewDecision]] = defaultdict(list)
        for one in current((one for one in self.file.decisions() if one.row_id == row.row_id), row):
            if one.who == who:
                mine[one.field] = one
            elif queue == "contested":
                others[one.field].append(one)
        fields = fields_of(row, self.contract)
        outputs = {**row.cloud_outputs, **self.answers.get(row.row_id, {})}
        view = RowView(row)
        missing = tuple(missing_values(one, view) for one in fields)
        reasons = self._reasons(queue, index, row, outputs)
        if queue == "ungrounded":
            names = ", ".join(one.name for one, values in zip(fields, missing, strict=True) if values)
            reasons.append(f"Not found in the document: {names}.")
        return ReviewItem(index, row, fields, missing, outputs, mine, dict(others), tuple(reasons))

    def save(self, who: str, index: int, verdicts: Sequence[FieldVerdict]) -> None:
        """Keep a reviewer's decisions about all fields of a row, in place of earlier ones.

        Raises:
            NotSaved: a field is not decided, or a value does not fit the contract.
            DataError: ``reviews-unreadable``, ``reviews-not-written``.
        """
        row = self.rows[index]
        fields = {one.pointer: one for one in fields_of(row, self.contract)}
        given = {verdict.pointer: verdict for verdict in verdicts}
        if fields.keys() != given.keys() or len(given) != len(verdicts):
            raise NotSaved("Every field has to be decided once.")
        when = self.clock.now().isoformat(timespec="seconds").replace("+00:00", "Z")
        about = {"row_id": row.row_id, "who": who, "when": when, "input": input_digest(row)}
        decisions = [_decision(fields[pointer], verdict, about) for pointer, verdict in given.items()]
        self._fits(row, decisions)
        with self._lock:
            before = self.file.replace(row.row_id, who, decisions)
            self._saved[who].append((index, before))
        self.decided(row, decisions, who)

    def undo(self, who: str) -> int | None:
        """Take a reviewer's last save back, as far as it was made here. Returns the row's place, or None.

        Raises:
            DataError: as ``save``.
        """
        with self._lock:
            if not self._saved[who]:
                return None
            index, before = self._saved[who][-1]
            self.file.replace(self.rows[index].row_id, who, before)
            self._saved[who].pop()
        return index

    def agreement(self) -> tuple[Agreement, ...]:
        """Return how far the reviewers agree."""
        open_to_all: set[str] = set()
        listed: set[str] = set()
        for one in self._standing():
            for pointer, choices in one.choices.items():
                (listed if choices else open_to_all).add(pointer)
        return agreement(self.file.decisions(), listed - open_to_all)

    def contested(self) -> tuple[str, ...]:
        """Return the ids of rows with a contested field, in the order of the file."""
        return tuple(one.about[0].row_id for one in self._standing() if one.contested)

    def _waiting(self, queue: QueueName, who: str) -> Indices:
        """Return the places in a queue, ascending, whose rows still want this reviewer."""
        standing, order = self._standing(), self.order(queue)
        if queue == "contested":
            wanted = self._places([one.place for one in standing if one.contested])
        else:
            mine = self._places([one.place for one in standing if who in one.done])
            enough = [one.place for one in standing if len(one.done) > self._twice[one.place]]
            wanted = ~(mine | self._places(enough))
        return np.flatnonzero(wanted[order])

    def _standing(self) -> list[Standing]:
        with self._lock:
            return self._standings.of(self.file.decisions())

    def _places(self, places: Sequence[int]) -> NDArray[np.bool_]:
        mask = np.zeros(len(self.rows), dtype=bool)
        mask[np.array(places, dtype=np.int64)] = True
        return mask

    def _reasons(self, queue: QueueName, index: int, row: Row, outputs: dict[str, str]) -> list[str]:
        reasons = []
        if queue == "disagreements":
            against, between = disputes(row, self.contract, outputs)
            reasons += ["A logged answer differs from the label."] if against else []
            reasons += ["Models differ from each other."] if between else []
            twins = [place for place in self._twins().get(near_key(row), ()) if place != index]
            named = ", ".join(self.rows[place].row_id for place in twins[:3])
            reasons += [f"Nearly the same input stands with another label: {named}."] if twins else []
        if queue == "to-label":
            reasons += self.ranked.get(row.row_id, ())
        if queue == "waiting":
            reasons += self.waiting.get(row.row_id, ())
        if queue == "low-confidence" and row.confidence is not None:
            reasons.append(f"Confidence {row.confidence:.2f}.")
        if queue == "contested":
            reasons.append("Reviewers decided differently.")
        return reasons

    def _twins(self) -> Contradictions:
        with self._lock:
            if self._contradictions is None:
                self._contradictions = contradictions(self.rows)
            return self._contradictions

    def _fits(self, row: Row, decisions: Sequence[ReviewDecision]) -> None:
        """Refuse edits that the given contract forbids; an inferred one is inferred again from the result."""
        edited = {one.field: one.after for one in decisions if one.verdict == "edited"}
        if not edited or getattr(self.contract, "inferred", False):
            return
        targets = Targets(self.contract, self.absent_fields)
        misfit = targets.misfit(with_values(row, edited))
        if misfit is not None and not any(one.verdict == "rejected" for one in decisions):
            raise NotSaved(f"This would not fit the contract: {misfit.detail}.")


def _watched(rows: Staged, watch: Callable[[int, int], None]) -> Iterator[Row]:
    for done, row in enumerate(rows, 1):
        yield row
        watch(done, len(rows))


def _decision(one: AnswerField, verdict: FieldVerdict, about: dict[str, Any]) -> ReviewDecision:
    after = {"accepted": one.value, "rejected": None}.get(verdict.verdict)
    if verdict.verdict == "edited":
        after = _typed(one, verdict)
    kind: ReviewVerdict = verdict.verdict
    if kind == "edited" and same(after, one.value):
        kind, after = "accepted", one.value
    return ReviewDecision(field=one.pointer, verdict=kind, before=one.value, after=after, **about)


def _typed(one: AnswerField, verdict: FieldVerdict) -> Any:
    """Return the value that was typed or chosen.

    Raises:
        Refused: it is not a value of the field.
    """
    if verdict.choice is not None:
        if not 0 <= verdict.choice < len(one.choices):
            raise NotSaved(f"{one.name} has no choice {verdict.choice + 1}.")
        return one.choices[verdict.choice]
    text = verdict.text.strip()
    if not text:
        if one.pointer and one.nullable:
            return None
        raise NotSaved(f"{one.name} is empty; reject it if it has no right value.")
    try:
        return one.read(text)
    except ValueError as error:
        raise NotSaved(f"{one.name} is not JSON: {error}.") from error


def _lot(row_id: str, seed: int) -> int:
    """Return a row's lot under the seed, as a number of 64 bits."""
    lot = blake2b(row_id.encode(), digest_size=8, salt=b"review", key=str(seed).encode()).digest()
    return int.from_bytes(lot, "big")
