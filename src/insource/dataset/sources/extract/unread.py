"""Count the documents that hold more than the text that was read from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

_SHOWN = 10


class Unread:
    """What was not read of some documents: how many have each kind, and the first ones by name."""

    def __init__(self) -> None:
        self._documents = 0
        self._having = 0
        self._kinds: Counter[str] = Counter()
        self._first: list[str] = []

    def add(self, name: str, kinds: Sequence[str]) -> None:
        """Count a document whose text was read, and the names of what else it holds."""
        self._documents += 1
        self._having += bool(kinds)
        self._kinds.update(kinds)
        if kinds and len(self._first) < _SHOWN:
            self._first.append(f"{name} ({', '.join(kinds)})")

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence, or none when every document was read whole."""
        if not self._having:
            return ()
        kinds = ", ".join(f"{kind} ({count})" for kind, count in sorted(self._kinds.items()))
        verb = "holds" if self._having == 1 else "hold"
        more = ", …" if self._having > len(self._first) else ""
        return (
            f"{self._having:,} of {self._documents:,} documents {verb} content that was not read: {kinds}. "
            f"In {', '.join(self._first)}{more}.",
        )
