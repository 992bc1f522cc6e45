"""Find questions with several answers: one of the labels must be wrong."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from insource.dataset.checks.check import Context
from insource.dataset.checks.precedence import Keeping, Loss
from insource.dataset.checks.row_view import RowView
from insource.foundation.value_names import value_name
from insource.types import Finding, Fix

JUDGED = 1000
"""Contradictions that are read again to say which fields differ."""

_Integers = NDArray[np.int64]


class ContradictoryLabels(Keeping):
    """Questions are normalised input and fields asked for; answers are canonical, without what is empty.

    Of the rows of a question, those that stand highest decide: no number of teachers outvotes a person, and
    no training rows a row of a given split that judges.
    """

    name = "contradictory-labels"
    title = "Contradictory labels"
    severity = "error"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._questions, self._answers = array("Q"), array("Q")

    def observe(self, index: int, view: RowView) -> None:
        super().observe(index, view)
        self._questions.append(_hash(view.asked))
        self._answers.append(_hash(view.said))

    def finding(self) -> Finding:
        groups = fields = 0
        lost: dict[int, Loss] = {}
        differ: Counter[str] = Counter()
        for members in self._contradictions():
            groups += 1
            lost |= self._losers(members)
            if groups <= JUDGED:
                fields += 1
                differ.update(self._differing(members))
        self.lose(lost)
        fix = Fix(
            action="drop",
            summary="keep the answer most rows of an input give, among those in splits that judge and those "
            "of people where there are any; drop the rest, and all of a tie",
        )
        worst = ", ".join(f"{path} in {count:,}" for path, count in differ.most_common(3))
        summary = f"{groups:,} inputs have more than one answer" + (
            f"; they differ by {worst}" if worst else ""
        )
        measures = {
            "inputs": groups,
            "inputs_by_field": dict(differ.most_common(50)),
            "inputs_judged": fields,
        }
        return self.report(summary, fix=fix, measures=measures)

    def _contradictions(self) -> Iterator[_Integers]:
        """Yield the rows of each question that has several answers, in order of their first rows."""
        questions = np.frombuffer(self._questions, dtype=np.uint64)
        answers = np.frombuffer(self._answers, dtype=np.uint64)
        order = np.argsort(questions, kind="stable")
        if not len(order):
            return
        starts = np.concatenate([[0], np.flatnonzero(np.diff(questions[order])) + 1])
        given = answers[order]
        several = np.minimum.reduceat(given, starts) != np.maximum.reduceat(given, starts)
        ends = np.append(starts[1:], len(order))
        groups = [order[start:end] for start, end in zip(starts[several], ends[several], strict=True)]
        yield from sorted(groups, key=lambda group: int(group[0]))

    def _losers(self, members: _Integers) -> dict[int, Loss]:
        """Return who goes: the rows that do not give the one answer most of those give that decide."""
        given = {int(member): self._answers[int(member)] for member in members}
        highest = max(self.standings[member] for member in given)
        votes = Counter(answer for member, answer in given.items() if self.standings[member] == highest)
        (best, most), *others = votes.most_common(2)
        if others and others[0][1] == most:
            return dict.fromkeys(given, Loss(f"{len(given)} rows of this input, no answer has a majority"))
        why = Loss(f"the answer kept is of {most} of the {votes.total()} rows that decide for this input")
        return {member: why for member, answer in given.items() if answer != best}

    def _differing(self, members: _Integers) -> set[str]:
        """Return the fields in which the rows of one question differ."""
        values: dict[str, set[tuple[str, ...]]] = {}
        answers = []
        for member in members[:20]:
            said: dict[str, list[str]] = {}
            for path, value in self.context.view(self.context.rows[int(member)]).leaves:
                said.setdefault(path, []).append(value_name(value))
            answers.append(said)
        for path in {path for said in answers for path in said}:
            values[path] = {tuple(said.get(path, ())) for said in answers}
        return {path for path, seen in values.items() if len(seen) > 1}


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
