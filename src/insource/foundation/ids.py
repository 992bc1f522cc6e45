"""Identifiers: UUIDv7 for events, UUIDv8 derived from content, readable names for runs."""

from __future__ import annotations

import hashlib
import os
import time
from datetime import UTC, datetime


def uuid7(now_ns: int | None = None) -> str:
    """Return a time-ordered UUID (RFC 9562, section 5.7): 48 bits of milliseconds, then random bits."""
    milliseconds = (time.time_ns() if now_ns is None else now_ns) // 1_000_000
    value = (milliseconds & ((1 << 48) - 1)) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76  # version 7
    value = value & ~(0x3 << 62) | 0x2 << 62  # variant RFC 9562
    return _spelled(value)


def uuid8(*parts: str) -> str:
    """Return a UUID derived from content (RFC 9562, section 5.8): 122 bits of the sha256 of ``parts``, in
    order.
    """
    framed = b"".join(len(data).to_bytes(8, "big") + data for data in (part.encode() for part in parts))
    value = int.from_bytes(hashlib.sha256(framed).digest()[:16], "big")
    value = value & ~(0xF << 76) | 0x8 << 76  # version 8
    value = value & ~(0x3 << 62) | 0x2 << 62  # variant RFC 9562
    return _spelled(value)


def _spelled(value: int) -> str:
    digits = f"{value:032x}"  # several times faster than uuid.UUID; every recorded call needs one
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def run_id(stage: str, started: datetime, digest: str) -> str:
    """Return a run's name, such as ``20260412T101530Z-train-3fa2c1``.

    Names sort by time; the last six hex digits come from the digest of the run's inputs.
    """
    return f"{started.astimezone(UTC):%Y%m%dT%H%M%SZ}-{stage}-{digest[:6]}"
