"""Which calls a check compares: the reference, and windows of new calls, each checked once.

The reference is the first calls of a version. It grows by each window in which nothing moved, up to its full
size, and never again after something did: what has moved must not become what is normal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice

from insource.lifecycle.monitoring.traffic import Observed
from insource.types.monitoring import Check

FEWEST = 50
"""With fewer calls left of the reference, because the log was purged, new calls become the reference."""

Read = Callable[[datetime | None, datetime | None], Iterator[Observed]]
"""Returns the calls from a time on and before another one, lazily; None is without an end."""

_NEXT = timedelta(microseconds=1)


class Windows:
    """The calls of a version after its newest check.

    ``size`` is that of a window, ``most`` the full size of the reference. Only the calls of the reference and
    new ones are read, however many lie between them.
    """

    def __init__(
        self, read: Read, start: datetime | None, last: Check | None, *, size: int, most: int
    ) -> None:
        self.reference: list[Observed] = []
        self.missing = size
        self._size, self._most, self._grows = size, most, True
        if last is None or last.window.last is None:
            self._calls = read(start, None)
        else:
            self._calls = read(last.window.last + _NEXT, None)
            self._continue(read, start, last)

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

    def _continue(self, read: Read, start: datetime | None, last: Check) -> None:
        """Take the reference of the newest check, and its window if it belongs to the reference by now."""
        if last.reference is None or last.reference.last is None or last.window.last is None:
            return
        end = last.reference.last + _NEXT
        reference = list(read(start, end))
        if len(reference) < FEWEST:
            return
        self.reference = reference
        following = next(read(end, None), None)
        self._grows = len(reference) < self._most
        # A call in between was left out before, because something had moved.
        self._grows = self._grows and following is not None and following.at == last.window.first
        if self._grows:
            self.checked(list(read(last.window.first, last.window.last + _NEXT)), moved=bool(last.open))
