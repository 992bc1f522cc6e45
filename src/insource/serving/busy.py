"""Notice that other processes take the cores on which the engine computes.

The engine's threads wait for each other many times a token, so an answer takes as long as its slowest thread.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import NamedTuple

from insource.foundation.cores import usable_cores

TICKS_PER_S = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
# Fields of a line of /proc/stat (proc_stat(5)); what a hypervisor took is "steal".
USER, IDLE, IOWAIT, STEAL = 0, 3, 4, 7
# A machine is busy when others take more of a core than this.
BUSY_CORES = 0.5
LOOK_S = 0.2
SLOW = 3.0
"""An answer is slow when a token takes that many times the median of those before."""
REMEMBERED, ENOUGH = 50, 8


class Sample(NamedTuple):
    """A moment: seconds on a clock, and seconds of computing on all usable cores since the system started."""

    at_s: float
    taken_s: float


class Busy(NamedTuple):
    """How many cores others take, of those that this process may use."""

    cores: float
    of: int

    @property
    def sentence(self) -> str:
        return f"other processes take {self.cores:.1f} of {self.of} cores"

    def __bool__(self) -> bool:
        return self.cores > BUSY_CORES


def look(over_s: float = LOOK_S) -> Busy | None:
    """Return how busy the machine is, measured for ``over_s``; None where it cannot be measured."""
    before = sample()
    time.sleep(over_s)
    return between(before, sample())


def between(before: Sample | None, after: Sample | None, own_s: float = 0.0) -> Busy | None:
    """Return what others took between two moments, in which we computed ``own_s`` ourselves.

    The system counts in ticks, so a short time may give less than nothing; averages stay right. Within a
    quota, others take nothing of ours before they take the cores beyond it.
    """
    if before is None or after is None or after.at_s <= before.at_s:
        return None
    cores = usable_cores()
    others = (after.taken_s - before.taken_s - own_s) / (after.at_s - before.at_s)
    if spare := len(os.sched_getaffinity(0)) - cores:
        others = max(0.0, others - spare)
    return Busy(min(others, float(cores)), cores)


def sample() -> Sample | None:
    """Return the moment now, None where the system does not count (no Linux)."""
    try:
        lines = Path("/proc/stat").read_text().splitlines()
    except OSError:
        return None
    usable = {f"cpu{core}" for core in os.sched_getaffinity(0)}
    taken = 0
    for line in lines:
        name, *counts = line.split()
        if name in usable:
            ticks = [int(count) for count in counts[USER : STEAL + 1]]
            taken += sum(ticks) - ticks[IDLE] - ticks[IOWAIT]
    return Sample(time.monotonic(), taken / TICKS_PER_S)


def computed_s(pids: Iterable[int]) -> float:
    """Return the seconds that these processes have computed; one that has ended counts as 0."""
    total = 0
    for pid in pids:
        try:
            after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(after_name[11]) + int(after_name[12])  # utime and stime, fields 14 and 15 of proc(5)
    return total / TICKS_PER_S


class SlowAnswers:
    """Watches the time of answers; the first slow one on a busy machine gets a sentence."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=REMEMBERED)
        self._said = False

    def note(self, took_s: float, tokens: int, busy: Busy | None) -> str:
        """Return what to say of an answer of so many tokens; empty for nothing."""
        each_s = took_s / max(tokens, 1)
        usual_s = median(self._seconds) if len(self._seconds) >= ENOUGH else None
        self._seconds.append(each_s)
        if self._said or usual_s is None or each_s < SLOW * usual_s or not busy:
            return ""
        self._said = True
        return (
            f"An answer took {took_s:.1f} s, {each_s / usual_s:.0f} times as long as usual: {busy.sentence}."
        )
