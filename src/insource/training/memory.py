"""Give the memory of a model back to the operating system, before an engine needs it."""

from __future__ import annotations

import ctypes
import gc


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
