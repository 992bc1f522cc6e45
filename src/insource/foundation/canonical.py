"""Canonical JSON and content digests: equal content gives equal bytes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

SHORT = 12


def dumps(value: Any) -> str:
    """Return compact JSON with sorted keys and unescaped text, after RFC 8785.

    RFC 8785 sorts keys by UTF-16 code units and prints floats as ECMAScript does. Python's output is the same
    for text in the basic multilingual plane and for the floats that occur here.

    Raises:
        ValueError: ``value`` contains NaN or an infinity, which JSON cannot represent.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """Return the sha256 of a value's canonical JSON, as 64 hex digits."""
    return hashlib.sha256(dumps(value).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return the sha256 of a file's bytes, as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def short(full_digest: str) -> str:
    """Return the first twelve hex digits of a digest, the form shown to people."""
    return full_digest[:SHORT]
