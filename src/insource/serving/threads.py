"""How many threads the engine computes with: one for each core that other processes leave.

The engine's threads wait for each other at every operation. A thread whose core is taken holds up all others:
beside a busy neighbour, a thread for every core is three to six times slower than one for every free core
(`benchmarks/bench_serving.py`). So their number follows the machine. The answers do not depend on it.
"""

from __future__ import annotations

from collections import deque

from insource.foundation.cores import usable_cores
from insource.serving.busy import Busy

FEWER_AFTER_S = 2.0
MORE_AFTER_S = 20.0
"""A machine is idle again only when it was so for longer, because each change starts an engine."""


def free_cores(busy: Busy | None) -> int:
    """Return the number of cores that others leave, at least 1."""
    return max(1, min(busy.of, round(busy.of - busy.cores))) if busy else usable_cores()


class ThreadChoice:
    """Follows how busy the machine was while answers were computed."""

    def __init__(self, busy: Busy | None) -> None:
        self.threads = free_cores(busy)
        self._seen: deque[tuple[float, float]] = deque()  # seconds of an answer, cores that others took

    def answered(self, took_s: float, busy: Busy | None) -> Busy | None:
        """Take in one answer; when ``threads`` has changed by it, return how busy the machine was."""
        if busy is None:
            return None
        self._seen.append((took_s, busy.cores))
        while sum(seconds for seconds, _ in self._seen) - self._seen[0][0] >= MORE_AFTER_S:
            self._seen.popleft()
        for over_s, wants in ((FEWER_AFTER_S, int.__lt__), (MORE_AFTER_S, int.__gt__)):
            lately = self._lately(over_s, busy.of)
            if lately is not None and wants(free_cores(lately), self.threads):
                self.threads = free_cores(lately)
                self._seen.clear()
                return lately
        return None

    def _lately(self, over_s: float, of: int) -> Busy | None:
        """Return how busy the machine was over the last seconds of answers; None without so many."""
        seconds = cores = 0.0
        for took_s, taken in reversed(self._seen):
            seconds += took_s
            cores += took_s * taken
            if seconds >= over_s:
                return Busy(cores / seconds, of)
        return None
