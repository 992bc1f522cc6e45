"""Remove secrets and personal data before anything is written.

``Redactor`` is the one object: made from ``[log]`` by ``Redactor.from_config``, given to the recorder.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from insource.redaction.credentials import KEY_HEADERS, is_secret, keys_in
from insource.redaction.increments import RedactedIncrements
from insource.redaction.redactor import Redactor

__all__ = [
    "KEY_HEADERS",
    "RedactedIncrements",
    "Redactor",
    "default_redactor",
    "is_secret",
    "keys_in",
    "redact",
]


@cache
def default_redactor() -> Redactor:
    """Takes out secrets, and keeps the content of every task."""
    return Redactor()


def redact(value: Any) -> Any:
    """The same JSON value without secrets."""
    return default_redactor().value(value)
