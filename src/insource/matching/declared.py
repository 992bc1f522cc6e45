"""Check what ``x-insource`` declares in a schema, before anything is compared by it."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, get_args

from insource.contract.resolved import subschemas
from insource.foundation.errors import ConfigError
from insource.matching.comparators import KEYWORD, Comparator, Kind, ListKind
from insource.matching.numbers import DecimalMark

WORDS: Mapping[str, tuple[str, ...]] = {
    "compare": get_args(Kind),
    "list": get_args(ListKind),
    "decimal": get_args(DecimalMark),
}
KEYS = (
    "compare",
    "list",
    *(field.name for field in dataclasses.fields(Comparator) if field.name != "kind"),
)
_NUMBERS = ("abs_tol", "rel_tol", "cost")
_FLAGS = ("day_first", "derived", "automation")


def check_declared(schema: Mapping[str, Any]) -> None:
    """Refuse a schema that declares a comparison which does not exist, wherever it stands.

    Raises:
        ConfigError: ``unknown-comparator``, with the path, the words that exist and the nearest of them;
            ``reasoning-misplaced``, because only ``contract.reasoning_field`` takes that mark.
    """
    for path, node in subschemas(schema):
        for keyword in node:
            if keyword != KEYWORD and get_close_matches(keyword.lower(), (KEYWORD,), cutoff=0.85):
                raise _unknown(f'"{keyword}"', path, "is not a keyword of Insource", keyword, (KEYWORD,))
        declared = node.get(KEYWORD, {})
        if not isinstance(declared, dict):
            raise _unknown(f'"{KEYWORD}": {_json(declared)}', path, "is not an object", "", KEYS)
        for key, value in declared.items():
            _check(key, value, path)


def _check(key: str, value: Any, path: str) -> None:
    said = f'"{KEYWORD}": {_json({key: value})}'
    if key == "reasoning":
        raise ConfigError(
            "reasoning-misplaced",
            f"{said} at {path}: reasoning is declared in the task's own schema only.",
            hint="Mark a property at the top of the schema that task.schema names, or remove the mark here.",
        )
    if key not in KEYS:
        raise _unknown(said, path, "declares what Insource does not know", key, KEYS)
    if key in WORDS and value not in WORDS[key]:
        whys = {
            "compare": "a way to compare values",
            "list": "a way to compare lists",
            "decimal": "a decimal mark",
        }
        raise _unknown(said, path, f"is not {whys[key]}", str(value), WORDS[key])
    if key in _NUMBERS and not _amount(value):
        raise _unknown(said, path, "is not a number from 0", "", ())
    if key == "unit" and not isinstance(value, str | None):
        raise _unknown(said, path, "is not a text", "", ())
    if key in _FLAGS and not isinstance(value, bool | None):
        raise _unknown(said, path, "is not true or false", "", ())
    if key == "aliases" and not _texts(value):
        raise _unknown(said, path, "is not an object of texts", "", ())


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _amount(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def _texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())


def _unknown(said: str, path: str, why: str, word: str, known: Iterable[str]) -> ConfigError:
    known = tuple(known)
    near = get_close_matches(word.lower(), known, n=1)
    hint = f'Is "{near[0]}" meant? ' if near else ""
    hint += f"Use one of: {', '.join(known)}" if known else "Correct it, or remove it."
    return ConfigError("unknown-comparator", f"{said} at {path} {why}.", hint=hint)
