"""Validate a value against a JSON Schema: one validator for dataset, grammar and scoring."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from insource.contract.resolved import resolved, schema_text, sound_validator, unresolved

MAX_MESSAGE = 200


def fits(value: Any, schema: Mapping[str, Any]) -> bool:
    """Return whether a value keeps to a schema (draft 2020-12 unless it says otherwise), ``format`` included.

    Raises:
        InvalidSchema: with the validator's words.
    """
    return bool(_compiled(schema_text(schema)).is_valid(value))


def violations(value: Any, schema: Mapping[str, Any]) -> tuple[str, ...]:
    """Return where and how a value breaks a schema, as ``path: message``; empty when it fits.

    Raises:
        InvalidSchema: as ``fits``.
    """
    errors = _compiled(schema_text(schema)).iter_errors(value)
    return tuple(f"{path_of(list(error.instance_path))}: {_clipped(error.message)}" for error in errors)


def path_of(parts: list[Any]) -> str:
    """Return a place in an answer for people: ``lines[0].qty``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return text.removeprefix(".") or "(the whole answer)"


@lru_cache(maxsize=512)
def _compiled(text: str) -> Any:
    schema = json.loads(text)
    # The resolved schema leaves dynamic references open; the validator follows them.
    return sound_validator(schema if unresolved(schema) else resolved(schema))


def _clipped(message: str) -> str:
    return message if len(message) <= MAX_MESSAGE else f"{message[: MAX_MESSAGE - 1]}…"
