"""Structured outputs of OpenAI-compatible providers: ``response_format`` with a JSON Schema.

Source of the limits: OpenAI's guide to structured outputs, "Supported schemas".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from insource.models.protocol import Model, ModelInfo, Request
from insource.types import Completion
from insource.types.task import plain_schema

LABEL = "label"
MOST_ENUM_VALUES = 1000
MOST_PROPERTIES = 5000
DEEPEST = 10

_ABOUT = frozenset({"$schema", "$id", "$comment"})  # they say nothing about an answer
_KEYWORDS = frozenset(
    {
        *("type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf"),
        *("$ref", "$defs", "title", "description", "pattern", "format", "multipleOf"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems"),
    }
)
_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})


def label_schema(names: tuple[str, ...]) -> dict[str, Any]:
    """Return the schema of an object with one label, because an answer has to be an object."""
    return {
        "type": "object",
        "properties": {LABEL: {"type": "string", "enum": list(names)}},
        "required": [LABEL],
        "additionalProperties": False,
    }


def response_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``response_format`` for a JSON Schema: strict where the provider can hold an answer to it."""
    sent = {key: value for key, value in plain_schema(dict(schema)).items() if key not in _ABOUT}
    return {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": can_be_strict(sent), "schema": sent},
    }


def can_be_strict(schema: Mapping[str, Any]) -> bool:
    """Whether a schema lies within what strict mode supports.

    Every object closes itself and requires all its properties; other keywords than the supported ones, and a
    root that is not an object, are not accepted.
    """
    if schema.get("type") != "object" or "anyOf" in schema:
        return False
    enum_values = properties = 0
    for part, depth in _parts(schema):
        if not _is_supported(part) or depth > DEEPEST:
            return False
        enum_values += len(part.get("enum", ()))
        properties += len(part.get("properties", ()))
    return enum_values <= MOST_ENUM_VALUES and properties <= MOST_PROPERTIES


def _is_supported(part: Any) -> bool:
    if not isinstance(part, dict) or not part.keys() <= _KEYWORDS:
        return False
    if not part.keys() & {"type", "enum", "const", "anyOf", "$ref"}:
        return False
    if part.get("format", "date") not in _FORMATS:
        return False
    types = part.get("type", ())
    if "object" in ([types] if isinstance(types, str) else types) or "properties" in part:
        named = part.get("properties", {}).keys()
        return part.get("additionalProperties") is False and named == set(part.get("required", ()))
    return True


def _parts(schema: Any) -> Iterator[tuple[Any, int]]:
    """Yield a schema and every schema inside it, each with its depth."""
    waiting = [(schema, 1)]
    while waiting:
        part, depth = waiting.pop()
        yield part, depth
        if not isinstance(part, dict):
            continue
        inside = [*part.get("properties", {}).values(), *part.get("anyOf", ())]
        inside += [part["items"]] if "items" in part else []
        waiting += [(one, depth + 1) for one in inside]
        waiting += [(one, depth) for one in part.get("$defs", {}).values()]


class LabelModel:
    """A model that answers ``{"label": …}``, as ``label_schema`` asks, with the label alone as its text."""

    def __init__(self, model: Model) -> None:
        self._model = model

    @property
    def info(self) -> ModelInfo:
        return self._model.info

    def generate(self, request: Request) -> Completion:
        """Return the model's answer. A text that is no such object stays as it is, and is scored so."""
        completion = self._model.generate(request)
        try:
            label = json.loads(completion.text)[LABEL]
        except (ValueError, KeyError, TypeError):
            return completion
        return completion.model_copy(update={"text": label}) if isinstance(label, str) else completion
