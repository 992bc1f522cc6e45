"""Compare a teacher's repeated answers to the same input, as a measure of label noise."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from itertools import groupby
from typing import Any

import numpy as np

from insource.contract.places import valid_place
from insource.dataset.checks.check import SHOWN, Check, Context
from insource.dataset.checks.row_view import RowView
from insource.formats.strict_json import as_object
from insource.foundation import canonical
from insource.matching.align import align
from insource.similarity.normal_text import normalised
from insource.types import Finding, JsonSchema, Row


class TeacherDisagreement(Check):
    """Repeats are rows with the same input, fields asked for and model, answered by that model.

    A row's answers of a model are its ``cloud_outputs``, and its ``output`` when a teacher is its label.
    Answers are compared field by field as in scoring, free text as it is. Each is compared with the most
    common one, so that the order of the rows changes no count. It is not known which is right, so there is
    no fix.
    """

    name = "teacher-disagreement"
    title = "A teacher that disagrees with itself"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._asked = bytearray()
        self._places = array("q")
        self._models: dict[str, int] = {}
        self._model_at = array("i")

    def observe(self, index: int, view: RowView) -> None:
        super().observe(index, view)
        row = view.row
        for model in _answers(row):
            said = canonical.dumps([normalised(row.input), row.attributes, model])
            self._asked += blake2b(said.encode(), digest_size=8).digest()
            self._places.append(index)
            self._model_at.append(self._models.setdefault(model, len(self._models)))

    def finding(self) -> Finding:
        repeats = compared = 0
        fields: Counter[str] = Counter()
        differing: set[int] = set()
        for usual, place, model in self._repeated():
            one, other = self.context.rows[usual], self.context.rows[place]
            compared += 1
            names = self._differences(one, _answers(one)[model], _answers(other)[model])
            fields.update(names)
            if not names:
                continue
            repeats += 1
            differing.add(place)
            if len(self.hits.instances) < SHOWN:
                shown = ", ".join(names[:4]) or "the answer"
                self.hits.add(
                    other, f"{model or 'the teacher'} answered {self.named(usual)} otherwise: {shown}"
                )
        self.hits.count = len(differing)
        if not compared:
            return self.skip("No input was answered twice by the same model.")
        rate = repeats / compared
        summary = f"{repeats:,} of {compared:,} repeated answers differ from the most common one ({rate:.1%})"
        return self.report(
            summary,
            measures={"repeats": compared, "differing": repeats, "by_field": dict(fields.most_common())},
        )

    def _repeated(self) -> Iterator[tuple[int, int, str]]:
        """Return (row with the usual answer, other row, model) for each question asked again."""
        asked = np.frombuffer(bytes(self._asked), np.uint64)
        places = np.array(self._places, np.int64)
        order = np.lexsort((places, asked))
        names = list(self._models)
        pairs: list[tuple[int, int, str]] = []
        _, inverse, counts = np.unique(asked, return_inverse=True, return_counts=True)
        again = order[counts[inverse[order]] > 1]
        for _, group in groupby(again.tolist(), key=lambda at: int(asked[at])):
            members = list(group)
            model, rows = names[self._model_at[members[0]]], [int(places[at]) for at in members]
            usual = self._usual(rows, model)
            pairs += [(usual, place, model) for place in rows if place != usual]
        return iter(sorted(pairs))

    def _usual(self, places: list[int], model: str) -> int:
        """Return the row with the most common answer; of equally common answers, the first when sorted."""
        said = {place: _spelling(_answers(self.context.rows[place])[model]) for place in places}
        counts = Counter(said.values())
        return min(places, key=lambda place: (-counts[said[place]], said[place], place))

    def _differences(self, row: Row, one: Any, other: Any) -> list[str]:
        left, right = as_object(one), as_object(other)
        if left is None or right is None:
            same = left is right and str(one).strip() == str(other).strip()
            return [] if same else ["answer"]
        output = self.context.output
        schema = row.contract or (output.definition if isinstance(output, JsonSchema) else None)
        slots = align(left, right, schema if valid_place(schema) else None)
        return sorted({slot.path for slot in slots if slot.bucket not in ("correct", "correctly_empty")})


def _answers(row: Row) -> dict[str, Any]:
    """Return what each model answered to the row, by its name."""
    found: dict[str, Any] = dict(row.cloud_outputs)
    made = row.provenance
    if made.label == "teacher" and not made.human_edited:
        found[made.model] = row.output
    return found


def _spelling(answer: Any) -> str:
    """Return the answer as canonical JSON, so that the order of its keys makes it no other answer."""
    found = as_object(answer)
    return canonical.dumps(str(answer).strip() if found is None else found)
