"""Which rows to label next: where arms disagree, where one is unsure, where examples are few; one queue."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from insource.types import Dataset, EvalRecord, Example, Labels, Split, Task
from insource.types.sufficiency import Gap, Queued, Signal, ToLabel

UNSURE = 0.25
"""Share of the rows with a confidence that count as unsure: the least confident."""
FEWEST_OF_A_PART = 10
"""A label or group with fewer examples in the training split is a gap."""
FUSED_AT = 60
"""The constant of reciprocal rank fusion (Cormack, Clarke and Büttcher 2009, SIGIR)."""
MOST = 500
"""Rows in the queue: more than a person labels before the next look."""

Ranked = dict[str, tuple[float, str]]
"""Row id to how strong a signal is, and the sentence that says so."""


def to_label(
    dataset: Dataset,
    task: Task,
    answered: Mapping[str, Sequence[EvalRecord]],
    confident: str = "",
    *,
    more: Mapping[Signal, Ranked] | None = None,
    most: int = MOST,
) -> Queued:
    """Return the rows that no person has checked, those first that a label tells most about.

    Args:
        answered: the records of each arm by its name, of any split; an arm is no witness of rows that it was
            trained on.
        confident: the arm whose confidence counts.
        more: further signals by row id; one of the same name adds its rows.
        most: rows in the queue.
    """
    rows, split_of, checked = _unchecked(dataset)
    gaps = gaps_of(dataset, task)
    signals: dict[Signal, Ranked] = {
        "disagreement": _disagreement(rows, answered),
        "uncertainty": _uncertainty(rows, answered.get(confident, ())),
        "coverage": _coverage(rows, gaps, task),
    }
    for name, ranked in (more or {}).items():
        known = {row: one for row, one in ranked.items() if row in rows}
        signals[name] = signals.get(name, {}) | known
    scores = _fused(signals.values())
    best = max(scores.values(), default=1.0)
    ordered = sorted(scores, key=lambda row: (-scores[row], row))[:most]
    return Queued(
        rows=tuple(
            ToLabel(
                row_id=row,
                split=split_of[row],
                priority=scores[row] / best,
                signals=tuple(name for name, found in signals.items() if row in found),
                reasons=tuple(found[row][1] for found in signals.values() if row in found),
            )
            for row in ordered
        ),
        checked=checked,
        considered=len(rows),
        gaps=gaps,
        note=_note(rows, checked, scores, most),
    )


def _unchecked(dataset: Dataset) -> tuple[dict[str, Example], dict[str, Split], int]:
    """Return the rows that no person has checked with their splits, and the number of those checked."""
    split_of: dict[str, Split] = {}
    rows: dict[str, Example] = {}
    checked = 0
    for split, examples in dataset.splits.items():
        for one in examples:
            if one.provenance.synthetic:
                continue  # no row of the source, so nobody can review it there
            if one.provenance.label == "checked":
                checked += 1
            else:
                rows[one.row_id], split_of[one.row_id] = one, split
    return rows, split_of, checked


def _fused(signals: Iterable[Ranked]) -> dict[str, float]:
    """Return one score a row, by its rank in each signal."""
    scores: dict[str, float] = defaultdict(float)
    for found in signals:
        order = sorted(found, key=lambda row: (-found[row][0], row))
        for rank, row in enumerate(order, 1):
            scores[row] += 1 / (FUSED_AT + rank)
    return scores


def gaps_of(dataset: Dataset, task: Task) -> tuple[Gap, ...]:
    """Return the labels and groups with too few training examples, the emptiest first.

    A group that has rows in another split only is none: it was set apart to be judged by.
    """
    train = dataset.splits["train"]
    found: list[Gap] = []
    if isinstance(task.output, Labels):
        counts = Counter(one.target for one in train)
        names = [name for name in task.output.names if name != task.out_of_scope]
        found += [
            Gap(part="label", name=name, rows=counts[name], wanted=FEWEST_OF_A_PART)
            for name in names
            if counts[name] < FEWEST_OF_A_PART
        ]
    groups = Counter(one.group for one in train if one.group is not None)
    if sum(count > 1 for count in groups.values()) > len(groups) / 2:  # else a group is a thread, no kind
        found += [
            Gap(part="group", name=name, rows=count, wanted=FEWEST_OF_A_PART)
            for name, count in groups.items()
            if count < FEWEST_OF_A_PART
        ]
    return tuple(sorted(found, key=lambda gap: (gap.rows, gap.part, gap.name)))


def _disagreement(rows: Mapping[str, Example], answered: Mapping[str, Sequence[EvalRecord]]) -> Ranked:
    """Return the share of the arms whose answer is not the label; between some and none, half the most."""
    asked: Counter[str] = Counter()
    against: dict[str, list[str]] = defaultdict(list)
    for arm, records in answered.items():
        for record in records:
            if record.row_id in rows and record.status == "scored" and record.score is not None:
                asked[record.row_id] += 1
                if not record.score.exact:
                    against[record.row_id].append(arm)
    return {
        row: (len(arms) / asked[row], f"{_named(arms)} answered otherwise than the label.")
        for row, arms in against.items()
    }


def _uncertainty(rows: Mapping[str, Example], records: Iterable[EvalRecord]) -> Ranked:
    known = {
        record.row_id: record.confidence
        for record in records
        if record.row_id in rows and record.confidence is not None
    }
    least = sorted(known, key=lambda row: (known[row], row))[: math.ceil(UNSURE * len(known))]
    return {row: (1 - known[row], f"The classical arm is unsure: {known[row]:.2f}.") for row in least}


def _coverage(rows: Mapping[str, Example], gaps: Sequence[Gap], task: Task) -> Ranked:
    found: Ranked = {}
    few = {(gap.part, gap.name): gap for gap in gaps}
    for row, one in rows.items():
        label = few.get(("label", one.target)) if isinstance(task.output, Labels) else None
        gap = label or (few.get(("group", one.group)) if one.group is not None else None)
        if gap is not None:
            missing = 1 - gap.rows / gap.wanted
            found[row] = (missing, f"The {gap.part} {gap.name} has {gap.rows} of {gap.wanted} examples.")
    return found


def _named(arms: Sequence[str]) -> str:
    return " and ".join(arms) if len(arms) < 3 else f"{arms[0]} and {len(arms) - 1} other arms"


def _note(rows: Mapping[str, Example], checked: int, scores: Mapping[str, float], most: int) -> str:
    if not rows:
        return (
            f"A person stands behind the label of every row ({checked:,}): new documents are what is left to "
            "label."
        )
    if not scores:
        return "No arm disagrees with a label, none is unsure, and no label or group has few examples."
    if len(scores) > most:
        return f"The first {most} of {len(scores):,} rows with a reason."
    return ""
