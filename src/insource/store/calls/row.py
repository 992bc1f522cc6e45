"""Convert calls to rows of the table and back.

A spooled call consists of two JSON objects, its ``begin`` and its ``end``. They are decoded once into a typed
structure whose documents stay unparsed bytes, and these bytes become the payload. What the strict parser
rejects but Python's accepts (``NaN``, lone surrogates) is converted by the slower way through ``Call``.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta, Raw, Struct
from pydantic import ValidationError

from insource.foundation.clock import from_microseconds, to_microseconds
from insource.foundation.money import from_nano_usd, to_nano_usd
from insource.store.calls.table import CALLS, PAYLOAD, SAME_IN_BOTH
from insource.types import Call, FinishReason, Usage
from insource.types.call import Outcome

StoredRow: TypeAlias = tuple[Any, ...]
"""The values of the columns of ``CALLS``, in column order."""

COLUMNS = tuple(column.name for column in CALLS.columns)
USAGE = tuple(Usage.model_fields)

_NONE = Raw(b"null")
_EMPTY = Raw(b'""')
_MOST = 2**63 - 1  # the largest integer of a column

# The payload is made of these documents. Each may start with one of these bytes: ``{``, ``null``, ``"``.
_PAYLOAD = (
    b'{"request":%b,"response":%b,"response_text":%b,"error":%b,"raw":%b,"tags":%b,"route":%b,'
    b'"unpriced_because":%b}'
)
_FIRST = (b"{", b"{n", b'"', b'"', b"{n")

_Count = Annotated[int, Meta(ge=0, le=2**53)] | None
# Years 1 to 9999
_Microseconds = Annotated[int, Meta(ge=-62_135_596_800_000_000, lt=253_402_300_800_000_000)]
_Status = Annotated[int, Meta(ge=-(2**31), lt=2**31)] | None


class UnusableRecords(ValueError):
    """The records do not form a call; the message says why."""


class _Usage(Struct, frozen=True):
    input_tokens: _Count = None
    cached_tokens: _Count = None
    cache_write_tokens: _Count = None
    output_tokens: _Count = None
    reasoning_tokens: _Count = None
    audio_input_tokens: _Count = None
    audio_output_tokens: _Count = None


class _Route(Struct, frozen=True):
    to: Literal["local", "cloud"]
    model: str
    reason: str
    confidence: float | None = None
    threshold: float | None = None
    simulated: bool = False
    field_confidences: dict[str, float] = {}
    cloud_fields: tuple[str, ...] = ()
    version: str = ""
    step: int = 0
    local_answer: str = ""


class SpooledCall(Struct):
    """The fields of ``Call`` in ``begin`` and ``end``.

    Unknown fields, which a newer version may have written, are ignored: losing a field is better than losing
    the call.
    """

    call_id: str
    started_at: _Microseconds
    model_asked: str
    request: Raw
    source: str = "recorder"
    task: str = ""
    feature: str = ""
    prompt_version: str = ""
    user: str = ""
    provider: str = ""
    endpoint: str = ""
    model_answered: str = ""
    response: Raw = _NONE
    response_text: Raw = _EMPTY
    streamed: bool = False
    outcome: Outcome = "ok"
    finish_reason: FinishReason = "unknown"
    status: _Status = None
    error: Raw = _EMPTY
    usage: _Usage = _Usage()
    usage_estimated: bool = False
    cost_usd: Decimal | None = None
    priced_by: str = ""
    unpriced_because: str = ""
    latency_s: float | None = None
    first_token_s: float | None = None
    token_gap_s: float | None = None
    simulated: bool = False
    route: _Route | None = None
    tags: dict[str, str] = {}
    raw: Raw = _NONE


_decode = msgspec.json.Decoder(SpooledCall).decode
_encode = msgspec.json.encode


def row_of_records(begin: bytes, end: bytes) -> StoredRow:
    """Return the row of a spooled call; the fields of ``end`` take precedence over those of ``begin``.

    Raises:
        UnusableRecords: a required field is missing or a field has the wrong type.
    """
    both = begin[:-1] + b"," + end[1:]  # the last value of a repeated key is used
    try:
        return _row_of_spooled(_decode(both))
    except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError):
        row = row_of_call(_call_of_json(both))
    if any(type(value) is int and abs(value) > _MOST for value in row):
        raise UnusableRecords("a number is out of range")
    return row


def row_of_call(call: Call) -> StoredRow:
    """Return the row of a call."""
    route = call.route
    payload = call.model_dump(mode="json", include=set(PAYLOAD))
    columns = {
        **{name: getattr(call, name) for name in SAME_IN_BOTH},
        **call.usage.model_dump(),
        "started_at": to_microseconds(call.started_at),
        "model": call.model_answered or call.model_asked,
        "cost_nano_usd": to_nano_usd(call.cost_usd),
        "route_to": route and route.to,
        "route_reason": route and route.reason,
        "confidence": route and route.confidence,
        "threshold": route and route.threshold,
        "payload": json.dumps(payload, separators=(",", ":")),
    }
    return tuple(_text(columns[name]) for name in COLUMNS)


def call_of_row(fields: Any) -> Call:
    """Return the call of a row, given as a mapping by column with a parsed ``payload``."""
    return Call(
        **{name: fields[name] for name in SAME_IN_BOTH},
        **fields["payload"],
        started_at=from_microseconds(fields["started_at"]),
        usage=Usage(**{name: fields[name] for name in USAGE}),
        cost_usd=from_nano_usd(fields["cost_nano_usd"]),
    )


def _row_of_spooled(call: SpooledCall) -> StoredRow:
    usage, route = call.usage, call.route
    cost = to_nano_usd(call.cost_usd)
    if cost is not None and abs(cost) > _MOST:
        raise UnusableRecords("the cost is out of range")
    return (
        call.call_id,
        call.started_at,
        call.source,
        call.task,
        call.feature,
        call.prompt_version,
        call.user,
        call.provider,
        call.endpoint,
        call.model_answered or call.model_asked,
        call.model_asked,
        call.model_answered,
        call.outcome,
        call.finish_reason,
        call.status,
        usage.input_tokens,
        usage.cached_tokens,
        usage.cache_write_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
        usage.audio_input_tokens,
        usage.audio_output_tokens,
        call.usage_estimated,
        cost,
        call.priced_by,
        call.latency_s,
        call.first_token_s,
        call.token_gap_s,
        call.streamed,
        call.simulated,
        route and route.to,
        route and route.reason,
        route and route.confidence,
        route and route.threshold,
        _payload(call),
    )


def _payload(call: SpooledCall) -> str:
    documents = (call.request, call.response, call.response_text, call.error, call.raw)
    for document, first in zip(documents, _FIRST, strict=True):
        if memoryview(document)[0] not in first:
            raise UnusableRecords("a document has the wrong type")
    rest = (_encode(call.tags), _encode(call.route), _encode(call.unpriced_because))
    return (_PAYLOAD % (*documents, *rest)).decode()


def _call_of_json(data: bytes) -> Call:
    try:
        fields: dict[str, Any] = json.loads(data)
        known = {name: fields[name] for name in Call.model_fields if name in fields}
        return Call(**known | {"started_at": from_microseconds(fields["started_at"])})
    except (
        KeyError,
        TypeError,
        ValueError,
        OverflowError,
        OSError,
        RecursionError,
        ValidationError,
    ) as error:
        raise UnusableRecords(str(error)) from error


def _text(value: Any) -> Any:
    """Replace lone surrogates, which JSON allows and a database cannot hold."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
