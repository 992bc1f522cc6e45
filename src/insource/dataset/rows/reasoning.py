"""Set the reasoning of rows apart from their answers, before anything reads the answers."""

from __future__ import annotations

import json

from insource.contract.answers import answer_text
from insource.contract.reasoning_field import taken_apart
from insource.contract.validate import violations
from insource.dataset.rows.staged import Staged
from insource.formats.strict_json import as_object
from insource.types import Dropped, JsonSchema, OutputSpec, Row


def set_reasoning_apart(rows: Staged, output: OutputSpec) -> list[Dropped]:
    """Take the reasoning that ``output`` declares out of every row's answers; return the rows dropped for it.

    A row without reasoning stays as it is. One whose reasoning breaks its own schema is dropped.
    """
    if not isinstance(output, JsonSchema) or output.reasoning is None:
        return []
    step = rows.transform("reasoning", lambda _, row: _apart(row, output))
    return rows.dropped[len(rows.dropped) - step.dropped :]


def without_cloud_reasoning(row: Row, output: OutputSpec) -> Row:
    """Return the row with the reasoning taken out of its clouds' answers."""
    answers = {model: answer_text(text, output) for model, text in row.cloud_outputs.items()}
    return row if answers == row.cloud_outputs else row.model_copy(update={"cloud_outputs": answers})


def _apart(row: Row, output: JsonSchema) -> Row | Dropped:
    if row.contract is not None or output.reasoning is None:  # its own schema is the whole of its answer
        return row
    row = without_cloud_reasoning(row, output)
    answer, reasoning = taken_apart(as_object(row.output), output)
    if reasoning is None:
        # A null is no reasoning, but neither is it a field of the answer.
        return row if answer is None else _with_answer(row, answer, "")
    if problems := violations(reasoning, output.reasoning.definition):
        detail = f"{output.reasoning.name}: {problems[0].partition(': ')[2]}"
        return Dropped(row_id=row.row_id, line=row.line, reason="schema-violation", detail=detail)
    return _with_answer(row, answer, reasoning)


def _with_answer(row: Row, answer: object, reasoning: str) -> Row:
    if answer == as_object(row.output):
        return row
    said = answer if isinstance(row.output, dict) else json.dumps(answer, ensure_ascii=False)
    return row.model_copy(update={"output": said, "reasoning": reasoning})
