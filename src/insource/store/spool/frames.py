"""The record format of the call spool. Records stay readable when their neighbours are torn or damaged.

    record = MAGIC (4 bytes) · payload length (u32, little endian) · CRC-32 of the payload (u32) · payload

The payload is UTF-8 JSON. MAGIC starts with 0xF5, a byte that UTF-8 text cannot contain (RFC 3629, section
1), so the next intact record can always be found after a damaged one.
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import msgspec

MAGIC = b"\xf5IS1"
_encode = msgspec.json.Encoder(enc_hook=str).encode
_HEADER = struct.Struct("<4sII")


@dataclass(slots=True)  # not frozen: that triples the cost of making one
class SpoolRecord:
    """One intact record. ``start`` and ``end`` are byte offsets in the scanned data."""

    payload: bytes
    start: int
    end: int

    @property
    def fields(self) -> dict[str, Any]:
        """The parsed payload; parsed again at every access."""
        parsed: dict[str, Any] = json.loads(self.payload)
        return parsed


@dataclass(frozen=True)
class Scan:
    """The intact records in a range of bytes.

    The next scan starts at ``consumed``; what follows it is a record still being written. ``corrupt`` counts
    damaged ranges that were skipped. ``torn`` says that a closed segment ends in an incomplete record.
    """

    records: tuple[SpoolRecord, ...]
    consumed: int
    corrupt: int = 0
    torn: bool = False


def encode(fields: dict[str, Any], content: bytes = b"") -> bytes:
    """Return one framed record of the fields, as ``to_json`` encodes them.

    ``content`` is a JSON object; its members are appended to the fields as they are written.
    """
    payload = to_json(fields)
    if len(content) > len(b"{}"):
        payload = payload[:-1] + (b"," if fields else b"") + content[1:]
    return _HEADER.pack(MAGIC, len(payload), zlib.crc32(payload)) + payload


def to_json(fields: dict[str, Any]) -> bytes:
    """Encode the fields as JSON; ``msgspec.Raw`` values are already JSON.

    A value that JSON cannot represent becomes its ``str``; NaN and the infinities become null.
    """
    try:
        return _encode(fields)
    except (TypeError, ValueError, OverflowError):  # a lone surrogate, which Python's encoder escapes
        return json.dumps(fields, separators=(",", ":"), default=_plain).encode()


def _plain(value: Any) -> Any:
    return json.loads(bytes(value)) if isinstance(value, msgspec.Raw) else str(value)


def scan(data: bytes, *, closed: bool) -> Scan:
    """Return every intact record in ``data``, which starts at a record boundary.

    ``closed`` says that nothing more will be appended. While a segment grows, an incomplete record at its end
    may still be written and is left for the next scan.
    """
    records: list[SpoolRecord] = []
    corrupt = 0
    position = 0
    while position < len(data):
        record = record_at(data, position)
        if record is not None:
            records.append(record)
            position = record.end
            continue
        following = data.find(MAGIC, position + 1)
        if following < 0:
            return Scan(tuple(records), len(data) if closed else position, corrupt, torn=closed)
        corrupt += 1
        position = following
    return Scan(tuple(records), position, corrupt)


def record_at(data: bytes, start: int) -> SpoolRecord | None:
    """Return the record that starts at this offset, or None when it is incomplete or damaged."""
    body = start + _HEADER.size
    if body > len(data):
        return None
    magic, length, checksum = _HEADER.unpack_from(data, start)
    end = body + length
    if magic != MAGIC or end > len(data):
        return None
    payload = data[body:end]
    if zlib.crc32(payload) != checksum:
        return None
    return SpoolRecord(payload, start, end)
