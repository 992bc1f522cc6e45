"""Which values the closed fields of a task's answers have taken, and when each was first seen."""

from __future__ import annotations

from collections import Counter
from typing import Any

from insource.contract.field_evidence import ENUM_REPEATS, MAX_ENUM
from insource.contract.infer import MAX_LABEL_LENGTH
from insource.dataset.checks.row_view import LABEL

MOST_FIELDS = 200


class ClosedFields:
    """The fields of answers that take few values: labels, and texts of an object's own fields.

    A field with more than 50 values, or whose values occur fewer than 20 times on average, is not closed, as
    in inferred schemas.
    """

    def __init__(self) -> None:
        self.answers = 0
        self._first: dict[str, dict[str, int] | None] = {}
        self._seen: Counter[str] = Counter()

    def observe(self, answer: dict[str, Any] | str) -> None:
        """Take in one usable answer: an object, or a short text."""
        place, self.answers = self.answers, self.answers + 1
        fields = {LABEL: answer} if isinstance(answer, str) else answer
        for name, value in fields.items():
            if name not in self._first and len(self._first) >= MOST_FIELDS:
                continue
            known = self._first.setdefault(name, {})
            if known is None or not isinstance(value, str):
                continue
            known.setdefault(value[: MAX_LABEL_LENGTH + 1], place)
            self._seen[name] += 1
            if len(known) > MAX_ENUM or len(value) > MAX_LABEL_LENGTH:
                self._first[name] = None

    def names(self) -> tuple[str, ...]:
        """Return the closed fields."""
        return tuple(
            name
            for name, known in self._first.items()
            if known and self._seen[name] >= ENUM_REPEATS * len(known)
        )

    def new_in_later_half(self) -> int:
        """Return how many values were first seen in the later half of the answers."""
        half = self.answers // 2
        return sum(first >= half for name in self.names() for first in (self._first[name] or {}).values())
