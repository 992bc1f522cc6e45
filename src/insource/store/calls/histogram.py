"""Distributions that can be added up and taken apart: counts in buckets that grow by a constant factor.

DDSketch (Masson, Rim, Lee, VLDB 2019) without its collapsing of small values: the bucket of x is
``ceil(log(x) / log(γ))`` with γ = (1 + α) / (1 - α), and the bucket's middle is within α of every value in
it. Counts are whole numbers, so adding a value and taking it out again leaves nothing behind.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

RELATIVE_ERROR = 0.01

Histogram = dict[int, int]
"""Bucket → how many values."""

_GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_PER_LOG = 1 / math.log(_GAMMA)
_MIDDLE = 2 / (1 + _GAMMA)
_LEAST_S, _MOST_S = 1e-6, 1e9  # values beyond count as these

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Histogram).decode
_log, _ceil = math.log, math.ceil


def bucket(seconds: float) -> int:
    """The bucket of a duration in seconds."""
    return _ceil(_log(min(max(seconds, _LEAST_S), _MOST_S)) * _PER_LOG)


def merge(into: Histogram, other: Histogram, sign: int = 1) -> None:
    """Add the other's counts, or with ``sign=-1`` take them out; buckets that end empty disappear."""
    if not into and sign == 1:
        into.update(other)
        return
    for key, count in other.items():
        left = into.get(key, 0) + sign * count
        if left:
            into[key] = left
        else:
            del into[key]


def quantiles(histogram: Histogram, probabilities: Iterable[float]) -> list[float | None]:
    """Nearest-rank quantiles in seconds, each within ``RELATIVE_ERROR`` of the exact one; None without
    values."""
    total = sum(histogram.values())
    if not total:
        return [None for _ in probabilities]
    found: list[float | None] = []
    ordered = sorted(histogram)
    for probability in probabilities:
        rank = max(math.ceil(probability * total), 1)
        for key in ordered:
            rank -= histogram[key]
            if rank <= 0:
                found.append(_MIDDLE * _GAMMA**key)
                break
    return found


def pack(histogram: Histogram) -> bytes:
    """As stored (MessagePack), the same bytes for the same counts."""
    return _encode(dict(sorted(histogram.items())))


def unpack(data: bytes) -> Histogram:
    return _decode(data)
