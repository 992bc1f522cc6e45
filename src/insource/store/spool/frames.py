"""The framing of the call spool: records that survive torn and damaged neighbours.

    record = MAGIC (4 bytes) · payload length (u32, little endian) · CRC-32 of the payload (u32) · payload

The payload is UTF-8 JSON. MAGIC starts with 0xF5, a byte no UTF-8 text can contain (RFC 3629, section 1),
so the next intact record can be found behind a damaged one whatever the damage.
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
        """The payload, parsed anew at every look."""
        parsed: dict[str, Any] = json.loads(self.payload)
        return parsed


@dataclass(frozen=True)
class Scan:
    """The intact records of a stretch of bytes.

    ``consumed`` is where the next scan starts; what lies behind it is a record still being written.
    ``corrupt`` counts damaged stretches that were stepped over; ``torn`` says that the last bytes of a
    closed segment are an unfinished record.
    """

    records: tuple[SpoolRecord, ...]
    consumed: int
    corrupt: int = 0
    torn: bool = False


def encode(fields: dict[str, Any], content: bytes = b"") -> bytes:
    """One framed record of what ``to_json`` makes of the fields.

    ``content`` is a JSON object whose members, as they are spelled, follow the fields.
    """
    payload = to_json(fields)
    if len(content) > len(b"{}"):
        payload = payload[:-1] + (b"," if fields else b"") + content[1:]
    return _HEADER.pack(MAGIC, len(payload), zlib.crc32(payload)) + payload


def to_json(fields: dict[str, Any]) -> bytes:
    """The fields as JSON, in which ``msgspec.Raw`` values are JSON already.

    What JSON has no spelling for is kept as its ``str``; NaN and the infinities become null.
    """
    try:
        return _encode(fields)
    except (TypeError, ValueError, OverflowError):  # half a surrogate pair, which Python's encoder escapes
        return json.dumps(fields, separators=(",", ":"), default=_plain).encode()


def _plain(value: Any) -> Any:
    return json.loads(bytes(value)) if isinstance(value, msgspec.Raw) else str(value)


def scan(data: bytes, *, closed: bool) -> Scan:
    """Every intact record in ``data``, whose first byte is a record's.

    ``closed`` says that nothing will be appended any more. While a segment grows, bytes at its end that
    are no intact record may be one half written: they are left for the next scan.
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
    """The record that starts at this offset, or None when it is not whole."""
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
