"""Whether a second answer to the same document says the same, field by field."""

from __future__ import annotations

from typing import Any

from insource.contract.answers import read_answer
from insource.matching.acceptable import RIGHT
from insource.matching.align import align
from insource.routing.fields.habits import WHOLE
from insource.types import Completion, JsonSchema, OutputSpec


def agreement(answer: Any, second: Completion, output: OutputSpec) -> dict[str, bool]:
    """Return by field whether a second answer has the same values, as an answer is compared with its label.

    A list agrees when all items of both do. A second answer that cannot be read agrees in nothing.

    Raises:
        InvalidSchema, ConfigError: as ``align``.
    """
    if not isinstance(output, JsonSchema):
        return {WHOLE: answer == second.text}
    other = read_answer(second.text, output)
    found: dict[str, bool] = {}
    for slot in align(answer, other.value if other.parsed else None, output.definition):
        same = other.parsed and slot.bucket in RIGHT
        found[slot.path] = found.get(slot.path, True) and same
    return found
