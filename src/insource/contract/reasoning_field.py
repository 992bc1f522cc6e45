"""The reasoning that a schema declares: a text written before the answer, which is no part of it.

A property of the task's schema is marked ``"x-insource": {"reasoning": true}``. ``output_of`` takes it out of
the schema when the task is loaded, so that validator, scorers, comparators, slots and checks never see it.
What a model writes is held to ``JsonSchema.generated``, and ``read_answer`` drops the text again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from insource.contract.canonical_form import canonical_target
from insource.contract.resolved import subschemas
from insource.foundation.errors import ConfigError
from insource.types import JsonSchema, OutputSpec, Reasoning

MARK = "reasoning"
_KEYWORD = "x-insource"
_WRITTEN_FIRST = ("$ref", "allOf", "anyOf", "oneOf")


def output_of(schema: Mapping[str, Any]) -> JsonSchema:
    """Return the output contract that a task's schema declares, its reasoning set apart.

    Raises:
        ConfigError: ``reasoning-misplaced`` with the place: the mark is not ``true``, stands elsewhere than
            on a property at the top, twice, beside another option, on what is no text, or where parts of the
            schema would be written before it.
    """
    marked = [path for path, node in subschemas(schema) if _marked(node)]
    if not marked:
        return JsonSchema(definition=dict(schema))
    properties = schema.get("properties", {})
    names = [name for name, inner in properties.items() if _marked(inner)]
    elsewhere = [path for path in marked if path not in {f"#/properties/{name}" for name in names}]
    if elsewhere:
        raise _misplaced(elsewhere[0], "it is not a property at the top of the schema")
    if len(names) > 1:
        raise _misplaced(f"#/properties/{names[1]}", f"{names[0]!r} is the reasoning already")
    name = names[0]
    path, reasoning = f"#/properties/{name}", properties[name]
    if reasoning[_KEYWORD] != {MARK: True}:
        raise _misplaced(path, f"its {_KEYWORD} is {json.dumps(reasoning[_KEYWORD])}")
    if reasoning.get("type") != "string":
        raise _misplaced(path, f"its type is {json.dumps(reasoning.get('type'))}")
    if before := [keyword for keyword in _WRITTEN_FIRST if keyword in schema]:
        raise _misplaced(path, f"the properties of {before[0]} at the top would be written before it")
    answer = {**schema, "properties": {key: inner for key, inner in properties.items() if key != name}}
    required = schema.get("required", [])
    if name in required:
        answer["required"] = [key for key in required if key != name]
    plain = {keyword: value for keyword, value in reasoning.items() if keyword != _KEYWORD}
    return JsonSchema(
        definition=answer, reasoning=Reasoning(name=name, definition=plain, required=name in required)
    )


def taken_apart(answer: Any, output: OutputSpec) -> tuple[Any, Any]:
    """Return an answer without the reasoning that ``output`` declares, and the reasoning or None."""
    name = output.reasoning.name if isinstance(output, JsonSchema) and output.reasoning else None
    if name is None or not isinstance(answer, dict) or name not in answer:
        return answer, None
    return {key: value for key, value in answer.items() if key != name}, answer[name]


def trained_text(target: str, reasoning: str, output: OutputSpec) -> str:
    """Return what a model is trained to write for a canonical ``target``: the reasoning first, if any."""
    if not reasoning or not isinstance(output, JsonSchema) or output.reasoning is None:
        return target
    first = canonical_target({output.reasoning.name: reasoning}, {})
    return (
        target if not target.startswith("{") else f"{first[:-1]}{',' if target != '{}' else ''}{target[1:]}"
    )


def _marked(node: Any) -> bool:
    declared = node.get(_KEYWORD) if isinstance(node, dict) else None
    return isinstance(declared, dict) and MARK in declared


def _misplaced(path: str, why: str) -> ConfigError:
    return ConfigError(
        "reasoning-misplaced",
        f'"{_KEYWORD}": {{"{MARK}": true}} at {path} cannot be honoured: {why}.',
        hint="Mark one property of type string at the top of the task's schema, and give it no other option.",
    )
