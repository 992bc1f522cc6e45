"""How many threads compute a matrix product and how they wait for each other, set before torch is loaded.

They meet after each product. A thread that waits spins, by default for milliseconds. Beside another busy
process it thereby takes the core that the thread for which it waits would need: training falls to a fraction
of its share. A short spin gives the core back (``benchmarks/busy_training.py``).
"""

from __future__ import annotations

import os

from insource.foundation.cores import usable_cores

THREADS = "OMP_NUM_THREADS"
SPIN = {"GOMP_SPINCOUNT": "1000"}
CHOSEN_BY_USER = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")


def settle() -> None:
    """Let waiting threads spin briefly, and compute on no more cores than this process may use, unless the
    user's environment says otherwise.

    Without a number, torch takes every core that it sees, which a container's quota may stop. libgomp reads
    the environment when torch loads it, so this has no effect after torch is imported.
    """
    if not any(name in os.environ for name in CHOSEN_BY_USER):
        os.environ |= SPIN
    if (cores := usable_cores()) < len(os.sched_getaffinity(0)):
        os.environ.setdefault(THREADS, str(cores))


def waiting() -> tuple[str, str]:
    """Return how many threads compute and how they wait, and the reason, in words."""
    import torch

    threads = torch.get_num_threads()
    value = f"{threads} thread{'s' if threads > 1 else ''}"
    if os.environ.get("GOMP_SPINCOUNT") == SPIN["GOMP_SPINCOUNT"]:
        value += ", which wait without long spinning"
    reason = "a spinning thread would take the core that a busy neighbour left"
    load = os.getloadavg()[0]
    if load > usable_cores():
        reason += f"; this machine is busy (load {load:.1f}), so training takes longer"
    return value, reason
