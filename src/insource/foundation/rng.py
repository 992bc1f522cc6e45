"""One seed, many independent streams: adding a stage never changes another stage's draws."""

from __future__ import annotations

import hashlib

import numpy as np


def generator(seed: int, name: str) -> np.random.Generator:
    """A generator for the stream ``name`` (``"dataset.split"``), independent of all other names.

    Source: NumPy's ``SeedSequence``, entropy = (seed, the first 8 bytes of the name's sha256).
    """
    stream = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    return np.random.default_rng(np.random.SeedSequence([seed, stream]))


def derived_seed(seed: int, name: str) -> int:
    """A 31-bit seed for a library that wants an integer (torch, llama.cpp)."""
    return int(generator(seed, name).integers(0, 2**31 - 1))
