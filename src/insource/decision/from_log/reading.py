"""Read the calls of a log once, with what a profile needs of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Text, cast

from insource.logs.discovery.prompts import Prompt, read_prompt
from insource.logs.discovery.reading import NOT_GENERATION, in_order
from insource.logs.paid import ARM_SOURCE
from insource.providers.requests import messages_of, read_answer, text_of
from insource.store.calls.table import CALLS
from insource.store.database import Database

_SAME = (
    *("call_id", "started_at", "task", "model", "provider", "endpoint", "outcome", "finish_reason"),
    *("source", "simulated", "input_tokens", "cached_tokens", "output_tokens", "usage_estimated"),
    *("cost_nano_usd", "priced_by", "latency_s", "first_token_s", "streamed"),
)
_COLUMNS = (*(CALLS.c[name] for name in _SAME), cast(CALLS.c.payload, Text).label("document"))
# What a request says beside its question: it changes no answer.
_NO_QUESTION = frozenset({"user", "metadata", "stream", "stream_options", "store", "safety_identifier"})
_CONSTANT = ("tools", "response_format", "text", "tool_choice", "functions", "output_config")
_NO_REQUEST: dict[str, Any] = {}


class Payload(msgspec.Struct):
    """The parts of a stored payload that a profile uses."""

    request: dict[str, Any] | None = None
    response: msgspec.Raw = msgspec.Raw(b"null")
    response_text: str = ""
    tags: dict[str, str] = {}
    unpriced_because: str = ""


class ReadCall(NamedTuple):
    """One call: its row of the table, its payload, and its prompt, None when the log has no text of it."""

    row: Any
    payload: Payload
    prompt: Prompt | None

    @property
    def answered(self) -> bool:
        return bool(self.row.outcome == "ok")

    @property
    def cost_nano_usd(self) -> int | None:
        """The cost; None where it is unknown, or negative: nobody is paid for a call."""
        cost: int | None = self.row.cost_nano_usd
        return None if cost is None or cost < 0 else cost

    def answer(self) -> str:
        """Return the answer's text, or the arguments of its tool call."""
        if self.payload.response_text:
            return self.payload.response_text
        return read_answer(msgspec.json.decode(self.payload.response), "")

    def question(self) -> bytes:
        """Return what a cache of whole requests would compare."""
        request = self.payload.request or _NO_REQUEST
        return msgspec.json.encode({key: one for key, one in request.items() if key not in _NO_QUESTION})

    def characters(self) -> tuple[int, int]:
        """Return the characters of all messages, and those of the schema and the tools beside them."""
        request = self.payload.request or _NO_REQUEST
        said = sum(len(" ".join(text_of(content)[0].split())) for _, content in messages_of(request))
        beside = [request[key] for key in _CONSTANT if request.get(key)]
        return said, len(msgspec.json.encode(beside)) if beside else 0


def read_calls(database: Database, since: datetime | None, passed_over: Counter[str]) -> Iterator[ReadCall]:
    """Yield the team's calls of generating models in the order they started.

    ``passed_over`` counts the others by reason.

    Raises:
        InsourceError: the store's failures.
    """
    decoder = msgspec.json.Decoder(Payload)
    for row in in_order(database, _COLUMNS, since=since):
        if row.simulated:
            passed_over["simulated"] += 1
        elif row.source == ARM_SOURCE:
            passed_over["asked for an evaluation"] += 1
        elif row.endpoint in NOT_GENERATION:
            passed_over["writes no text"] += 1
        else:
            try:
                payload = decoder.decode(row.document)
            except ValueError:  # a payload that no version of Insource has written
                payload = Payload()
            yield ReadCall(row, payload, read_prompt(payload.request))
