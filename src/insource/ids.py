"""Identifiers: UUIDv7 for events, readable names for runs."""

from __future__ import annotations

import os
import time
import uuid
from datetime import UTC, datetime


def uuid7(now_ns: int | None = None) -> str:
    """A time-ordered UUID (RFC 9562, section 5.7): 48 bits of milliseconds, then random bits."""
    milliseconds = (time.time_ns() if now_ns is None else now_ns) // 1_000_000
    value = (milliseconds & ((1 << 48) - 1)) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76  # version 7
    value = value & ~(0x3 << 62) | 0x2 << 62  # variant RFC 9562
    return str(uuid.UUID(int=value))


def run_id(stage: str, started: datetime, digest: str) -> str:
    """``20260412T101530Z-train-3fa2c1``: sortable by time, unique by the digest of its inputs."""
    return f"{started.astimezone(UTC):%Y%m%dT%H%M%SZ}-{stage}-{digest[:6]}"
