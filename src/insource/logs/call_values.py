"""The two values that a recorder is given for a call: how it starts and how it ends.

``StartFields`` and ``EndFields`` are the same fields as keywords, for ``Recorder.begin`` and
``Recording.end``, which users call. A new field stands in both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Required, TypedDict

from msgspec import Struct

from insource.types import FinishReason, Route, Usage
from insource.types.call import Outcome

# msgspec makes a frozen value in a quarter of the time that a frozen dataclass takes.


AUDIT_OF = "audit_of"
"""The tag of a call that the gateway made itself to compare an answer: the id of the call it is about."""


class CallStart(Struct, frozen=True, kw_only=True):
    """What is known of a call before it is made; fields as in ``Call``.

    ``request_bytes`` is the request as a JSON object in UTF-8. It is used instead of ``request``, costs less
    time, and is stored with its own spelling.
    """

    model_asked: str
    request: Mapping[str, Any] | None = None
    request_bytes: bytes | None = None
    source: str = "recorder"
    task: str = ""
    feature: str = ""
    prompt_version: str = ""
    user: str = ""
    provider: str = ""
    endpoint: str = ""
    streamed: bool = False
    tags: Mapping[str, str] | None = None
    simulated: bool = False


class CallEnd(Struct, frozen=True, kw_only=True):
    """What is known of a call when it is over; fields as in ``Call``.

    Some fields have a value of their own where they are None: ``response_text`` is the chunks that were
    recorded, ``latency_s`` and ``first_token_s`` are measured, ``simulated`` is that of the start.
    ``response_bytes`` is to ``response`` as ``request_bytes`` is to ``request``. ``keys`` are the API keys
    that the call was made with. An error message may repeat them, so they are removed from it in any form.
    """

    response_text: str | None = None
    response: Mapping[str, Any] | None = None
    response_bytes: bytes | None = None
    outcome: Outcome = "ok"
    finish_reason: FinishReason = "unknown"
    model_answered: str = ""
    usage: Usage | None = None
    usage_estimated: bool = False
    cost_usd: Decimal | None = None
    priced_by: str = ""
    unpriced_because: str = ""
    status: int | None = None
    error: str = ""
    first_token_s: float | None = None
    latency_s: float | None = None
    route: Route | None = None
    simulated: bool | None = None
    keys: Sequence[str] = ()


class StartFields(TypedDict, total=False):
    """The fields of ``CallStart`` without ``request``."""

    model_asked: Required[str]
    request_bytes: bytes | None
    source: str
    task: str
    feature: str
    prompt_version: str
    user: str
    provider: str
    endpoint: str
    streamed: bool
    tags: Mapping[str, str] | None
    simulated: bool


class EndFields(TypedDict, total=False):
    """The fields of ``CallEnd``."""

    response_text: str | None
    response: Mapping[str, Any] | None
    response_bytes: bytes | None
    outcome: Outcome
    finish_reason: FinishReason
    model_answered: str
    usage: Usage | None
    usage_estimated: bool
    cost_usd: Decimal | None
    priced_by: str
    unpriced_because: str
    status: int | None
    error: str
    first_token_s: float | None
    latency_s: float | None
    route: Route | None
    simulated: bool | None
    keys: Sequence[str]
