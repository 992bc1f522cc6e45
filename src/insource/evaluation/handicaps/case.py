"""What a handicap is looked for in, and what is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from insource.contract.answers import answer_text
from insource.evaluation.run import Scorer
from insource.types import Arm, CloudCall, EvalRecord, Example, Handicap, Score, Task
from insource.types.handicap import HandicapKind

SHOWN = 5
"""The number of documents that are shown as evidence."""

FEW, LEAST, ENOUGH = 3, 0.01, 0.05
"""A handicap is named on this many documents if they are at least this share of all, and on one or two if
they are at least that share."""

Records = tuple[EvalRecord, ...]


class Case(NamedTuple):
    """One cloud's answers to the documents of one split.

    ``examples`` are the documents by row id. ``prompt`` is what the cloud was sent besides the document,
    for answers that record none of their own. ``prompt_version`` and ``contract_since`` (ISO 8601) say
    which prompts belong to the current contract; empty where nothing says it. ``others`` are the records of
    other clouds.
    """

    task: Task
    arm: Arm
    examples: Mapping[str, Example]
    records: Records
    score: Scorer
    prompt: str = ""
    prompt_version: str = ""
    contract_since: str = ""
    others: tuple[tuple[Arm, Records], ...] = ()

    def documents(self) -> Iterator[tuple[Example, EvalRecord]]:
        """Yield the documents that this cloud was evaluated on, with what it made of them."""
        for record in self.records:
            example = self.examples.get(record.row_id)
            if record.status != "unscored" and example is not None:
                yield example, record

    @property
    def size(self) -> int:
        return sum(1 for _ in self.documents())

    def call(self, example: Example) -> CloudCall:
        """Return what is recorded about the call behind this document's answer."""
        return example.cloud_calls.get(self.arm.model, CloudCall())

    def prompt_of(self, example: Example) -> str:
        return self.call(example).prompt or self.prompt

    def answer(self, example: Example, record: EvalRecord) -> str:
        """Return the text of the answer; a record without a completion has the row's own."""
        if record.completion is not None:
            return answer_text(record.completion.text, self.task.output)
        return "" if record.status == "failed" else example.cloud_outputs.get(self.arm.model, "")


class Found(NamedTuple):
    """A handicap, and how a comparison is made without it.

    ``left_out`` are the row ids of documents that a fair comparison does not hold, ``unjudged`` the paths
    of slots that neither side is judged on, and ``mended`` the cloud's scores, by row id, as they would be
    without the handicap. ``of_labels`` says that only the labels of ``left_out`` are in doubt: where both
    sides answer all of these documents alike, they add nothing to the difference, and stay.
    """

    handicap: Handicap
    left_out: frozenset[str] = frozenset()
    of_labels: bool = False
    unjudged: frozenset[str] = frozenset()
    mended: Mapping[str, Score] = {}


Detector = Callable[[Case], Found | None]


def worth_naming(documents: int, of: int) -> bool:
    """Return whether a handicap on so many documents is one to tell a reader about."""
    return documents >= (LEAST if documents >= FEW else ENOUGH) * of > 0


def handicap(case: Case, kind: HandicapKind, documents: int, sentence: str, **more: Any) -> Handicap:
    """Return a handicap of this case's cloud."""
    return Handicap(
        kind=kind, arm=case.arm.name, documents=documents, of=case.size, sentence=sentence, **more
    )


def shown(text: str, length: int = 60) -> str:
    """Return a text on one line, cut to a length."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"


def share(documents: int, of: int) -> str:
    """``12 of 200 documents (6 %)``."""
    return f"{documents:,} of {of:,} documents ({documents / max(1, of):.0%})"
