"""Reading values that nobody promised: what is there as the type that is meant, else None or empty.

The logs of others hold numbers as text, JSON inside CSV cells, nulls where a list was announced. These
functions never raise on such a thing, with one exception: ``moment``, because a call has to have a time.
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
_DOLLARS_AT_MOST = Decimal(10**9)  # beyond this no call costs, and the store could not keep it


class BadRecord(ValueError):
    """A record that cannot become a call; the message is the reason, in words."""


class NotACall(Exception):
    """A record that is fine, and is no call to a model; the message says what it is."""


def parse_json(data: bytes | str) -> Any:
    """The JSON value of a text, as lenient as nothing is lost by it.

    ``NaN`` and infinities become their spelling, half of a surrogate pair, which neither UTF-8 nor the
    store can hold, becomes ``?``: exporters cut texts in the middle of a character.

    Raises:
        BadRecord: when it is not JSON, not UTF-8, or nested deeper than 100 levels.
    """
    try:
        value = msgspec.json.decode(data)
    except UnicodeDecodeError as error:
        raise BadRecord(f"not UTF-8 at byte {error.start + 1}") from error
    except RecursionError as error:
        raise BadRecord(f"nested deeper than {MAX_DEPTH} levels") from error
    except (ValueError, UnicodeEncodeError):
        value = _lenient(data)
    brackets = (
        data.count(b"[") + data.count(b"{") if isinstance(data, bytes) else data.count("[") + data.count("{")
    )
    if brackets > MAX_DEPTH and _deeper_than(value, MAX_DEPTH):
        raise BadRecord(f"nested deeper than {MAX_DEPTH} levels")
    return value


def _lenient(data: bytes | str) -> Any:
    try:
        text = data.decode() if isinstance(data, bytes) else data
        value = json.loads(text, parse_constant=str, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise BadRecord(f"not JSON: {error.msg} at column {error.pos + 1}") from error
    except UnicodeDecodeError as error:
        raise BadRecord(f"not UTF-8 at byte {error.start + 1}") from error
    except RecursionError as error:
        raise BadRecord(f"nested deeper than {MAX_DEPTH} levels") from error
    except ValueError as error:  # an integer of more digits than Python reads
        raise BadRecord(f"not JSON that can be kept: {error}") from error
    return without_surrogates(value) if _SURROGATE_ESCAPE.search(text) else value


def _finite(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def without_surrogates(value: Any) -> Any:
    """The same value with ``?`` for every lone surrogate in its texts."""
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
    """The JSON a text spells out when it spells an object or a list, else the value itself.

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
    """The object, or an empty one; also from a text that spells it."""
    value = opened(value)
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """The list, or an empty one; also from a text that spells it."""
    value = opened(value)
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """The text; a number as its spelling; else empty."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def first(record: Mapping[str, Any], *names: str) -> Any:
    """The value of the first name that has one; null and empty text are none."""
    return next((record[name] for name in names if record.get(name) not in (None, "")), None)


def count(value: Any) -> int | None:
    """A count from 0 to 2**53, also as text or as a whole float."""
    if type(value) is int:  # nearly always, and not a bool
        return value if 0 <= value <= MAX_COUNT else None
    number = seconds(value)
    return int(number) if number is not None and number <= MAX_COUNT and number == int(number) else None


def seconds(value: Any) -> float | None:
    """A finite number from 0, also as text."""
    if value is None or isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number >= 0 else None


def dollars(value: Any) -> Decimal | None:
    """An amount from 0 in US dollars, exact as it is spelled."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount < _DOLLARS_AT_MOST else None


def moment(value: Any) -> datetime | None:
    """An aware UTC moment from ISO 8601 text or a count since 1970; None when there is none.

    A time without a zone is UTC. Numbers are seconds, milli-, micro- or nanoseconds by their size, which
    is unambiguous for the years that are accepted, 2000 to 2199.

    Raises:
        BadRecord: when something is there that is no time.
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
            raise BadRecord(f"{shown(value)} is no time") from error
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
    if not _EARLIEST <= found < _LATEST:
        raise BadRecord(f"{shown(value)} is no time between the years 2000 and 2199")
    return found.astimezone(UTC)


def _from_epoch(number: float, value: Any) -> datetime:
    for per_second in (1, 10**3, 10**6, 10**9):
        if number / per_second < _LATEST.timestamp():
            return _EPOCH + timedelta(seconds=number / per_second)
    raise BadRecord(f"{shown(value)} is no time")


def between(start: datetime | None, end: datetime | None) -> float | None:
    """Seconds from one to the other; None when one is unknown or they stand the wrong way round."""
    if start is None or end is None or end < start:
        return None
    return (end - start).total_seconds()


def shown(value: Any) -> str:
    """A value of a file in a message: short, and without a character that would steer a terminal."""
    spelled = repr(value)
    return spelled if len(spelled) <= 60 else f"{spelled[:60]}…"
