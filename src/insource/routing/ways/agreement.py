"""Whether two answers to the same document say the same."""

from __future__ import annotations

from insource.contract.answers import read_answer
from insource.contract.canonical_form import canonical_target
from insource.foundation.canonical import dumps
from insource.types import JsonSchema, OutputSpec


def agree(one: str, other: str, output: OutputSpec) -> bool:
    """Return whether two answers have the same canonical form; one that cannot be read agrees with none."""
    left, right = (_said(text, output) for text in (one, other))
    return left is not None and left == right


def _said(text: str, output: OutputSpec) -> str | None:
    answer = read_answer(text, output)
    if not answer.repairable:
        return None
    if isinstance(output, JsonSchema) and isinstance(answer.value, dict):
        return canonical_target(answer.value, output.definition, fill_null=True)
    return dumps(answer.value)
