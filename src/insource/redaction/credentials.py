"""The keys a call was made with. A provider's error may repeat them, whatever they look like."""

from __future__ import annotations

import re
from collections.abc import Iterable

from insource.redaction.redactor import Redactor
from insource.redaction.rules import Rule

KEY_HEADERS = frozenset(("authorization", "x-api-key", "api-key", "x-goog-api-key"))
"""Where callers put their keys."""
_SHORTEST = 8  # what is shorter is a placeholder for servers that ask for no key


def is_secret(key: str) -> bool:
    """Whether a key is one, and no placeholder for servers that ask for none."""
    return len(key) >= _SHORTEST


def keys_in(headers: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The keys among a request's headers; names are in lower case."""
    values = (value.split() for name, value in headers if name in KEY_HEADERS)
    return tuple(words[-1] for words in values if words)  # "Bearer sk-…", or the key alone


def hiding(keys: Iterable[str]) -> Redactor | None:
    """Takes these very texts out; None when none of them is a key."""
    patterns = [re.escape(key) for key in keys if is_secret(key)]
    return Redactor([Rule("secret:key", "|".join(patterns))], unfinished=()) if patterns else None
