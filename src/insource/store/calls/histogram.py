"""Mergeable histograms: counts in buckets whose width grows by a constant factor.

This is DDSketch (Masson, Rim, Lee, VLDB 2019) without its collapsing of small values. The bucket of x is
``ceil(log(x) / log(γ))`` with γ = (1 + α) / (1 - α), and the middle of a bucket is within a relative error α
of every value in it. Counts are integers, so removing a value exactly undoes adding it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

RELATIVE_ERROR = 0.01

Histogram = dict[int, int]
"""Number of values by bucket."""

_GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_PER_LOG = 1 / math.log(_GAMMA)
_MIDDLE = 2 / (1 + _GAMMA)
_LEAST_S, _MOST_S = 1e-6, 1e9  # values outside are clamped to these

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Histogram).decode
_log, _ceil = math.log, math.ceil


def bucket(seconds: float) -> int:
    """Return the bucket of a duration in seconds."""
    return _ceil(_log(min(max(seconds, _LEAST_S), _MOST_S)) * _PER_LOG)


def merge(into: Histogram, other: Histogram, sign: int = 1) -> None:
    """Add the counts of ``other`` to ``into``, or subtract them with ``sign=-1``; empty
    buckets are removed.
    """
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
    """Return nearest-rank quantiles in seconds, each within ``RELATIVE_ERROR`` of the exact one.

    Every quantile is None when the histogram is empty.
    """
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
    """Encode a histogram for the store (MessagePack); equal counts give equal bytes."""
    return _encode(dict(sorted(histogram.items())))


def unpack(data: bytes) -> Histogram:
    return _decode(data)
