"""Read days, months and times from the spellings in which people write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time
from functools import lru_cache
from typing import Any, NamedTuple

from insource.matching.normal_forms import fold_characters, fold_text

_MONTHS = {
    name: month
    for month, names in enumerate(
        (
            "jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july",
            "aug august", "sep sept september", "oct october", "nov november", "dec december",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_WEEKDAY = re.compile(r"(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)? ")
_YEAR_FIRST = re.compile(r"([0-9]{4})[-/.] ?([0-9]{1,2})(?:[-/.] ?([0-9]{1,2})\.?)?")
_BASIC = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_YEAR_LAST = re.compile(r"([0-9]{1,2})([-/.]) ?([0-9]{1,2})\2 ?([0-9]{4})")
_DAY = r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?"
_NAMED = (
    re.compile(rf"(?:{_DAY} ?)?(?:of )?(?P<month>[a-z]+) ?(?P<year>[0-9]{{4}})"),
    re.compile(rf"(?P<month>[a-z]+) {_DAY} (?P<year>[0-9]{{4}})"),
    re.compile(rf"(?P<year>[0-9]{{4}}) (?P<month>[a-z]+) {_DAY}"),
)
_OFFSET = re.compile(r"(?<=[0-9]) (?=[+-][0-9]{2})")
_WEEK = re.compile(r"[0-9]{4}-?W[0-9]{2}(?!-?[1-7])")
"""A week alone is not its Monday."""
_UTC = re.compile(r" ?(?:utc|gmt|z)$", re.IGNORECASE)


class Moment(NamedTuple):
    """A month ``(2024, 3)`` or a day ``(2024, 3, 1)``, as written; ``instant`` where there is a time, too."""

    day: tuple[int, ...]
    instant: datetime | None = None
    midnight: bool = False

    def same(self, other: Moment) -> bool:
        """Return whether both are the same month, day or instant.

        A day is the same as its midnight, in whatever offset that is written, and as no other time.
        """
        if self.instant is not None and other.instant is not None:
            return self.instant == other.instant
        return self.day == other.day and all(one.midnight for one in (self, other) if one.instant is not None)


def parse_date(value: Any, day_first: bool | None = None) -> Moment | None:
    """Return the month, day or instant that a JSON value is, None when it is none.

    Precision is kept: ``March 2024`` is not ``2024-03-01``. ``03/04/2024`` is a date only when
    ``day_first`` says which half is the day, or when one half exceeds 12; with points
    (``03.04.2024``) the day comes first. Two-digit years are not dates. A time without an offset is in UTC.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if 10**7 <= value < 10**8 else None
    return _parsed(value, day_first) if isinstance(value, str) and len(value) <= 64 else None


@lru_cache(maxsize=1 << 14)
def _parsed(value: str, day_first: bool | None) -> Moment | None:
    text = " ".join(fold_text(value).replace(",", " ").split())
    parts = _numeric_date(text, day_first) or _named_date(text)
    if parts is None:
        return _date_time(value)
    try:
        datetime(parts[0], parts[1], parts[2] if len(parts) > 2 else 1, tzinfo=UTC)
    except ValueError:
        return None
    return Moment(parts)


def _numeric_date(text: str, day_first: bool | None) -> tuple[int, ...] | None:
    if iso := _YEAR_FIRST.fullmatch(text) or _BASIC.fullmatch(text):
        return tuple(int(part) for part in iso.groups() if part)
    if not (match := _YEAR_LAST.fullmatch(text)):
        return None
    first, second, year = int(match[1]), int(match[3]), int(match[4])
    if day_first is None and match[2] == ".":
        day_first = True
    if day_first is None and (first > 12) != (second > 12):
        day_first = first > 12
    if day_first is None:
        return None
    return (year, second, first) if day_first else (year, first, second)


def _named_date(text: str) -> tuple[int, ...] | None:
    words = _WEEKDAY.sub("", " ".join(re.sub(r"[-/.]", " ", text).split()), count=1)
    match = next(filter(None, (pattern.fullmatch(words) for pattern in _NAMED)), None)
    if match is None or match["month"] not in _MONTHS:
        return None
    return (int(match["year"]), _MONTHS[match["month"]], *((int(match["day"]),) if match["day"] else ()))


def _date_time(value: str) -> Moment | None:
    """Return the instant of an ISO 8601 time, or the day of an ISO week date."""
    text = _UTC.sub("+00:00", _OFFSET.sub("", " ".join(fold_characters(value).split())))
    if _WEEK.match(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
        day = (moment.year, moment.month, moment.day)
        if not re.search("[:Tt]", text):
            return Moment(day)
        instant = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return Moment(day, instant, moment.time() == time.min)
