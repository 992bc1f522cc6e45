"""Remove secrets and personal data before anything is written.

``Redactor.from_config`` builds the redactor from the ``[log]`` section; the recorder uses it.
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
    """Return a redactor that removes secrets and keeps the content of every task."""
    return Redactor()


def redact(value: Any) -> Any:
    """Return the JSON value without secrets."""
    return default_redactor().value(value)
