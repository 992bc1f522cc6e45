"""Canonical JSON and content digests: equal content has equal bytes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

SHORT = 12


def dumps(value: Any) -> str:
    """Compact JSON with sorted keys and unescaped text, after RFC 8785.

    RFC 8785 sorts by UTF-16 code units and prints floats as ECMAScript does; the two agree with
    Python's output for text in the basic plane and for the floats that occur here.

    Raises:
        ValueError: for NaN and infinities, which JSON has no spelling for.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """The sha256 of a value's canonical JSON, 64 hex digits."""
    return hashlib.sha256(dumps(value).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """The sha256 of a file's bytes, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def short(full_digest: str) -> str:
    """The first twelve hex digits, as shown to people."""
    return full_digest[:SHORT]
