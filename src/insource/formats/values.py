"""Lenient conversion of untrusted values: return the expected type, or None or empty.

Other tools' logs contain numbers as text, JSON inside CSV cells, and nulls in place of lists. These functions
never raise on such values. The exception is ``moment``, because a call must have a time.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

MAX_COUNT = 2**53
MAX_DEPTH = 100

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_DOLLARS_AT_MOST = Decimal(10**9)  # no call costs more, and the store cannot hold more


class BadRecord(ValueError):
    """A record that cannot become a call; the message is the reason, in words."""


class NotACall(Exception):
    """A valid record that is not a call to a model; the message says what it is."""


def parse_json(data: bytes | str, *, halves: bool = False) -> Any:
    """Parse JSON leniently, without losing content.

    ``NaN`` and infinities become text. A lone surrogate, which neither UTF-8 nor the store can hold, becomes
    ``?``: exporters cut texts in the middle of a character. With ``halves`` it is kept, for texts whose other
    half follows.

    Raises:
        BadRecord: the data is not JSON, not UTF-8, or nested deeper than 100 levels.
    """
    try:
        value = msgspec.json.decode(data)
    except UnicodeDecodeError as error:
        raise BadRecord(f"not UTF-8 at byte {error.start + 1}") from error
    except RecursionError as error:
        raise BadRecord(f"nested deeper than {MAX_DEPTH} levels") from error
    except (ValueError, UnicodeEncodeError):
        value = _lenient(data, halves)
    brackets = (
        data.count(b"[") + data.count(b"{") if isinstance(data, bytes) else data.count("[") + data.count("{")
    )
    if brackets > MAX_DEPTH and _deeper_than(value, MAX_DEPTH):
        raise BadRecord(f"nested deeper than {MAX_DEPTH} levels")
    return value


def _lenient(data: bytes | str, halves: bool) -> Any:
    try:
        text = data.decode() if isinstance(data, bytes) else data
        value = json.loads(text, parse_constant=str, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise BadRecord(f"not JSON: {error.msg} at column {error.pos + 1}") from error
    except UnicodeDecodeError as error:
        raise BadRecord(f"not UTF-8 at byte {error.start + 1}") from error
    except RecursionError as error:
        raise BadRecord(f"nested deeper than {MAX_DEPTH} levels") from error
    except ValueError as error:  # an integer with more digits than Python accepts
        raise BadRecord(f"JSON that cannot be stored: {error}") from error
    return without_surrogates(value) if not halves and _SURROGATE_ESCAPE.search(text) else value


def _finite(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def without_surrogates(value: Any) -> Any:
    """Return the value with every lone surrogate in its texts replaced by ``?``."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {without_surrogates(key): without_surrogates(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_surrogates(item) for item in value]
    return value


def _deeper_than(value: Any, levels: int) -> bool:
    layer = [value]
    for _ in range(levels + 1):
        layer = [
            child
            for item in layer
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not layer:
            return False
    return True


def opened(value: Any) -> Any:
    """Return the object or list that a text contains as JSON, or the value itself.

    CSV exports hold JSON in cells, some with every quote doubled once more.
    """
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    for text in (value, value.replace('""', '"')):
        try:
            return parse_json(text)
        except BadRecord:
            continue
    return value


def obj(value: Any) -> dict[str, Any]:
    """Return the object, also from JSON text; an empty one for anything else."""
    value = opened(value)
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """Return the list, also from JSON text; an empty one for anything else."""
    value = opened(value)
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """Return the text, or a number as text; empty for anything else."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def first(record: Mapping[str, Any], *names: str) -> Any:
    """Return the first of the named values that is neither null nor empty text, or None."""
    return next((record[name] for name in names if record.get(name) not in (None, "")), None)


def count(value: Any) -> int | None:
    """Return a count from 0 to 2**53, also from text or a whole float; None for anything else."""
    if type(value) is int:  # the common case; excludes bool
        return value if 0 <= value <= MAX_COUNT else None
    number = seconds(value)
    return int(number) if number is not None and number <= MAX_COUNT and number == int(number) else None


def seconds(value: Any) -> float | None:
    """Return a finite number of at least 0, also from text; None for anything else."""
    if value is None or isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number >= 0 else None


def dollars(value: Any) -> Decimal | None:
    """Return an amount of at least 0 in US dollars, exactly as written; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount < _DOLLARS_AT_MOST else None


def moment(value: Any) -> datetime | None:
    """Return an aware UTC datetime from ISO 8601 text or a Unix timestamp; None for null or empty text.

    A time without a zone is UTC. A number is in seconds, milli-, micro- or nanoseconds, depending on its
    size. That is unambiguous for the accepted years, 2000 to 2199.

    Raises:
        BadRecord: the value is not a time, or lies outside the accepted years.
    """
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        found = value if value.tzinfo else value.replace(tzinfo=UTC)
    elif (number := seconds(value)) is not None:
        found = _from_epoch(number, value)
    else:
        try:
            found = datetime.fromisoformat(value.strip().removesuffix(" UTC"))
        except (ValueError, AttributeError) as error:
            raise BadRecord(f"{shown(value)} is not a time") from error
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
    if not _EARLIEST <= found < _LATEST:
        raise BadRecord(f"{shown(value)} is not a time between the years 2000 and 2199")
    return found.astimezone(UTC)


def _from_epoch(number: float, value: Any) -> datetime:
    for per_second in (1, 10**3, 10**6, 10**9):
        if number / per_second < _LATEST.timestamp():
            return _EPOCH + timedelta(seconds=number / per_second)
    raise BadRecord(f"{shown(value)} is not a time")


def between(start: datetime | None, end: datetime | None) -> float | None:
    """Return the seconds from ``start`` to ``end``; None when one is unknown or ``end`` is earlier."""
    if start is None or end is None or end < start:
        return None
    return (end - start).total_seconds()


def shown(value: Any) -> str:
    """Return a value as ``repr`` shows it, cut to 60 characters: safe for messages and terminals."""
    spelled = repr(value)
    return spelled if len(spelled) <= 60 else f"{spelled[:60]}…"
