"""Which calls a check compares: the reference, and windows of new calls, each checked once.

The reference is the first calls of a version. It grows by each window in which nothing moved, up to its full
size, and never again after something did: what has moved must not become what is normal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from insource.lifecycle.traffic import Observed
from insource.types.monitoring import Check

FEWEST = 50
"""With fewer calls left of the reference, because the log was purged, new calls become the reference."""


class Windows:
    """The calls of a version after its newest check. ``most`` is the full size of the reference."""

    def __init__(self, calls: Iterator[Observed], last: Check | None, *, size: int, most: int) -> None:
        self.reference: list[Observed] = []
        self.missing = size
        self._calls, self._size, self._most = calls, size, most
        self._grows = True
        if last is not None:
            self._continue(last)

    def next(self) -> Sequence[Observed] | None:
        """Return the next window, None when it is not complete: ``missing`` calls then lack."""
        if not self.reference:
            first = list(islice(self._calls, self._size))
            if len(first) < self._size:
                self.missing = 2 * self._size - len(first)
                return None
            self.reference = first
        window = list(islice(self._calls, self._size))
        self.missing = self._size - len(window)
        return None if self.missing else window

    def checked(self, window: Sequence[Observed], moved: bool) -> None:
        """Let the reference grow by a window in which nothing moved."""
        self._grows = self._grows and not moved
        if self._grows:
            self.reference += window[: max(0, self._most - len(self.reference))]
            self._grows = len(self.reference) < self._most

    def _continue(self, last: Check) -> None:
        """Take the reference of the newest check, and skip the calls that were checked."""
        reference, window = last.reference, last.window
        checked: list[Observed] = []
        for call in self._calls:
            if reference is not None and reference.last is not None and call.at <= reference.last:
                self.reference.append(call)
            elif window.last is not None and call.at <= window.last:
                checked.append(call)
            else:
                self._calls = _before(call, self._calls)
                break
        if len(self.reference) < FEWEST:
            self.reference = []
            return
        follows = bool(checked) and checked[0].at == window.first  # nothing was left out in between
        self._grows = follows and len(self.reference) < self._most
        self.checked(checked, moved=bool(last.open))


def _before(first: Observed, rest: Iterator[Observed]) -> Iterator[Observed]:
    yield first
    yield from rest
