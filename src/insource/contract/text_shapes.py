"""Recognise the shape that texts of one field share: a date, or digits and letters between fixed signs."""

from __future__ import annotations

import re
from datetime import date

MIN_SEEN = 100
MIN_DATES = 20
MAX_LENGTH = 64
MAX_RUNS = 12

_RUN = re.compile(r"[0-9]+|[A-Z]+|[a-z]+|[ _/.:,#+()@&'%-]")
_CLASSES = {"digit": "[0-9]", "upper": "[A-Z]", "lower": "[a-z]"}
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class TextShape:
    """The shape of the texts seen so far; takes the same memory however many they are.

    Texts of a fixed shape are codes, numbers with units, dates. Words are none: one has to have a digit.
    100 texts without an exception put the share of exceptions below 3 % at 95 % confidence (the rule of
    three, Hanley and Lippman-Hand 1983).
    """

    def __init__(self) -> None:
        self.seen = 0
        self._dates = True
        self._runs: list[_Run] | None = []

    def observe(self, text: str) -> None:
        self.seen += 1
        self._dates = self._dates and _is_date(text)
        if self._runs is None:
            return
        found = _RUN.findall(text) if len(text) <= MAX_LENGTH else []
        if not found or len(found) > MAX_RUNS or "".join(found) != text:
            self._runs = None
        elif not self._runs:
            self._runs = [_Run(part) for part in found]
        elif len(found) != len(self._runs) or not all(map(_Run.takes, self._runs, found)):
            self._runs = None

    @property
    def dates(self) -> bool:
        """Whether all are ISO 8601 dates, and there are at least 20."""
        return self._dates and self.seen >= MIN_DATES

    @property
    def pattern(self) -> str | None:
        """A regular expression, anchored and bounded, that every text seen matches; None without evidence."""
        if not self._runs or self.seen < MIN_SEEN or all(run.kind != "digit" for run in self._runs):
            return None
        return f"^{''.join(run.pattern() for run in self._runs)}$"


class _Run:
    """A part of the shape: a sign, or digits or letters of some length."""

    def __init__(self, part: str) -> None:
        self.kind = _kind(part)
        self._text: str | None = part
        self._least = self._most = len(part)
        self._padded = _padded(part)

    def takes(self, part: str) -> bool:
        """Return whether this part belongs here, which widens the run."""
        if _kind(part) != self.kind:
            return False
        if part != self._text:
            self._text = None
        self._least, self._most = min(self._least, len(part)), max(self._most, len(part))
        self._padded = self._padded or _padded(part)
        return True

    def pattern(self) -> str:
        if self._text is not None and self.kind != "digit":
            return "".join(f"[{sign}]" if sign in ".+()" else sign for sign in self._text)
        # Digits of one length without a zero in front may be a counter that grows by a digit one day.
        fixed = self._least == self._most and (self.kind != "digit" or self._padded)
        return _CLASSES[self.kind] + (f"{{{self._most}}}" if fixed else f"{{1,{2 * self._most}}}")


def _padded(part: str) -> bool:
    return len(part) > 1 and part.startswith("0")


def _kind(part: str) -> str:
    if part.isdecimal():
        return "digit"
    return "upper" if part.isupper() else "lower" if part.islower() else part


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
