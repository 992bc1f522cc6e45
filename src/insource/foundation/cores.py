"""How many cores this process may use."""

from __future__ import annotations

import os
from pathlib import Path

# What a control group may compute in a period, both in microseconds: version 2, then 1 (cgroups(7)).
QUOTAS = (
    (Path("/sys/fs/cgroup/cpu.max"),),
    (Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us")),
)


def usable_cores() -> int:
    """Return the number of cores this process may use; more threads than that only slow it down.

    A container often sees every core of its host and may compute on a few: more threads than its quota are
    stopped for the rest of each period, all of them.
    """
    cores, quota = len(os.sched_getaffinity(0)), _quota()
    return cores if quota is None else max(1, min(cores, int(quota)))


def _quota() -> float | None:
    """Return how many cores the control group may use at once, None without a limit."""
    for files in QUOTAS:
        try:
            allowed, period = (int(word) for file in files for word in file.read_text().split())
        except (OSError, ValueError):  # another version of control groups, or no limit ("max")
            continue
        return allowed / period if allowed > 0 else None
    return None
