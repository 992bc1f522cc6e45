"""What training takes of the memory, and giving it back before an engine needs it."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

KERNELS = {"LRU_CACHE_CAPACITY": "128", "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "128"}
"""How many compiled kernels ideep and oneDNN keep; 1,024 each where nobody says."""


def keep_few_kernels() -> None:
    """Keep the compiled kernels of a few micro-batches only, unless the user's environment says otherwise.

    In bfloat16 a CPU compiles a kernel for each shape, and a micro-batch of another length needs others. By
    default the process grows by them for about fifty steps; few lengths come again soon enough to gain by it.
    Both libraries read this when they first compute.
    """
    for name, value in KERNELS.items():
        os.environ.setdefault(name, value)


def release() -> None:
    """Free what nothing refers to any more, also in the allocators' own reserves.

    A trainer is full of reference cycles, and the C library keeps gigabytes of freed memory for itself.
    """
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:  # glibc has it, musl does not
        trim(0)


@contextmanager
def peak_memory() -> Iterator[Callable[[], int]]:
    """Yield a function that returns the peak memory since the block began (bytes).

    On CUDA that is the memory which torch allocated there, else the resident memory of this process. Where
    the system cannot start a new count, it is the peak since the process began.
    """
    import torch

    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        yield lambda: int(torch.cuda.max_memory_allocated())
        return
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # Linux: the peak counts from here on
    yield _resident_peak


def _resident_peak() -> int:
    with suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
