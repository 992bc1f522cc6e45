"""How far two answers to the same document differ, by the comparators of the task."""

from __future__ import annotations

from collections.abc import Callable

from insource.contract.answers import read_answer
from insource.evaluation.scorers import build_scorer
from insource.foundation.canonical import dumps
from insource.foundation.errors import DataError
from insource.matching.assignment import load_assignment
from insource.types import Completion, Example, JsonSchema, Task
from insource.types.deployment import Compared


def differing(task: Task) -> Callable[[str, str], Compared | None]:
    """Return the function that counts the fields in which an answer differs from a reference.

    It takes the answer and the reference, and returns None where the reference is no answer to the task, so
    that nothing can be said. An answer that is none differs in every field.

    Raises:
        DataError, ConfigError: as ``build_scorer``.
    """
    load_assignment()
    scorer = build_scorer(task)

    def compare(answer: str, reference: str) -> Compared | None:
        read = read_answer(reference, task.output)
        if not (read.parsed or read.repairable):
            return None
        target = dumps(read.value) if isinstance(task.output, JsonSchema) else str(read.value)
        example = Example(row_id="", digest="", input="", target=target, provenance={"source": "cloud"})
        try:
            score = scorer(example, Completion(text=answer))
        except DataError:  # the reference does not fit the schema
            return None
        wrong = sum(slot.bucket in ("wrong", "missed", "invented") for slot in score.slots)
        slots = tuple((slot.path, slot.bucket) for slot in score.slots)
        return Compared(max(wrong, int(not score.exact)), max(1, len(slots)), slots)

    return compare
