"""The API keys of a call. A provider's error message may repeat them, whatever form they have."""

from __future__ import annotations

import re
from collections.abc import Iterable

from insource.redaction.redactor import Redactor
from insource.redaction.rules import RedactionRule

KEY_HEADERS = frozenset(("authorization", "x-api-key", "api-key", "x-goog-api-key"))
"""The headers that carry API keys."""
_SHORTEST = 8  # shorter keys are placeholders for servers that need none


def is_secret(key: str) -> bool:
    """Whether a key is long enough to be real; shorter ones are placeholders for servers that need no key."""
    return len(key) >= _SHORTEST


def keys_in(headers: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return the keys in a request's headers; header names are in lower case."""
    values = (value.split() for name, value in headers if name in KEY_HEADERS)
    return tuple(words[-1] for words in values if words)  # "Bearer sk-…", or the key alone


def hiding(keys: Iterable[str]) -> Redactor | None:
    """Return a redactor that removes exactly these keys; None when none of them is a secret."""
    patterns = [re.escape(key) for key in keys if is_secret(key)]
    return Redactor([RedactionRule("secret:key", "|".join(patterns))], unfinished=()) if patterns else None
