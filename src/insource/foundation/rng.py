"""Independent random streams from one seed: adding a stage never changes another stage's draws."""

from __future__ import annotations

import hashlib

import numpy as np


def generator(seed: int, name: str) -> np.random.Generator:
    """Return a generator for the stream ``name`` (``"dataset.split"``), independent of all other names.

    Source: NumPy's ``SeedSequence``, entropy = (seed, the first 8 bytes of the name's sha256).
    """
    stream = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    return np.random.default_rng(np.random.SeedSequence([seed, stream]))


def derived_seed(seed: int, name: str) -> int:
    """Return a 31-bit integer seed for a library that needs one (torch, llama.cpp)."""
    return int(generator(seed, name).integers(0, 2**31 - 1))
