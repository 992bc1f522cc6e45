"""Validate a value against a JSON Schema: one validator for dataset, grammar and scoring."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jsonschema_rs

MAX_MESSAGE = 200


class InvalidSchema(ValueError):
    """The schema itself is not valid JSON Schema, or points outside itself."""


def fits(value: Any, schema: Mapping[str, Any]) -> bool:
    """Return whether a value keeps to a schema (draft 2020-12 unless it says otherwise), ``format`` included.

    Raises:
        InvalidSchema: with the validator's words.
    """
    return bool(_compiled(json.dumps(schema)).is_valid(value))


def violations(value: Any, schema: Mapping[str, Any]) -> tuple[str, ...]:
    """Return where and how a value breaks a schema, as ``path: message``; empty when it fits.

    Raises:
        InvalidSchema: as ``fits``.
    """
    errors = _compiled(json.dumps(schema)).iter_errors(value)
    return tuple(f"{_path(list(error.instance_path))}: {_clipped(error.message)}" for error in errors)


@lru_cache(maxsize=512)
def _compiled(schema: str) -> Any:
    try:
        return jsonschema_rs.validator_for(json.loads(schema), validate_formats=True, retriever=_no_network)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        raise InvalidSchema(str(error).split("\n\nFailed validating")[0]) from error


def _no_network(uri: str) -> Any:
    raise ValueError(f"{uri} lies outside the schema; put it under $defs")


def _path(parts: list[Any]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return text.removeprefix(".") or "(the whole answer)"


def _clipped(message: str) -> str:
    return message if len(message) <= MAX_MESSAGE else f"{message[: MAX_MESSAGE - 1]}…"
