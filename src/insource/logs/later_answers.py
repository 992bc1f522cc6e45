"""Complete the record of a background response with the answer that a later request brings.

The call that starts a background response gets a promise, and is recorded as unread. Its answer comes with
``GET /v1/responses/ID``, which may be sent often, by another process, and for responses that nobody recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from insource.formats.values import seconds
from insource.foundation.clock import SYSTEM, Clock, from_microseconds
from insource.foundation.errors import InsourceError
from insource.logs.call_values import CallEnd
from insource.logs.recorder import Recorder
from insource.logs.wrapped_exchange import provider_of
from insource.providers import AnswerReader, open_reader
from insource.providers.billing import billing_of
from insource.providers.prices import UNPRICED, Priced, PriceTable, first_priced
from insource.store.calls.versions import unfinished_response
from insource.types import Call

Pricer = Callable[[Call, AnswerReader], Priced]
"""Returns the price of the answer to a call."""

_CLOCKS_DIFFER = timedelta(hours=1)  # between the provider and this machine, at most
_LONGEST_AGO = timedelta(days=1)  # for a response that does not say when it was made
_ANSWERED = ("completed", "incomplete")


def complete_later(
    recorder: Recorder, reader: AnswerReader, provider: str, price: Pricer, *, clock: Clock = SYSTEM
) -> bool:
    """Complete the call whose response was read, if it is on record and has no answer yet.

    Return whether a record was completed. ``provider`` is the one of the call. A response that is still
    under way, a second answer and a response of an unknown call change nothing.

    Raises:
        InsourceError: the store's failures; the next request for the response tries again.
    """
    response = reader.response or {}
    status = response.get("status")
    if status not in (*_ANSWERED, "failed", "cancelled") or not isinstance(response.get("id"), str):
        return False
    call = _awaiting(recorder, response, provider, clock)
    if call is None:
        recorder.flush()  # the call may be in the spool
        call = _awaiting(recorder, response, provider, clock)
    return call is not None and recorder.complete(call, _end(call, reader, response, price))


def _awaiting(recorder: Recorder, response: dict[str, Any], provider: str, clock: Clock) -> Call | None:
    made = seconds(response.get("created_at"))
    since = clock.now() - _LONGEST_AGO
    until = clock.now()
    if made is not None and made < until.timestamp() + _CLOCKS_DIFFER.total_seconds():
        at = from_microseconds(int(made * 1_000_000))
        since, until = at - _CLOCKS_DIFFER, at + _CLOCKS_DIFFER
    with recorder.database.read() as connection:
        return unfinished_response(connection, response["id"], provider, since, until)


def _end(call: Call, reader: AnswerReader, response: dict[str, Any], price: Pricer) -> CallEnd:
    answered = response["status"] in _ANSWERED
    priced = price(call, reader) if answered else UNPRICED
    return CallEnd(
        outcome="ok" if answered else "error",
        finish_reason=reader.finish_reason if answered else "error",
        error="" if answered else reader.error or f"the response has the status {response['status']}",
        response=response,
        response_text=reader.text,
        model_answered=reader.model,
        usage=reader.usage,
        cost_usd=priced.cost_usd,
        priced_by=priced.priced_by,
        unpriced_because=priced.unpriced_because,
    )


class RetrievedResponse:
    """The answer to a request of a wrapped client for a response; it may complete the record of a call.

    It is fed as a ``WrappedExchange`` is. An answer that is not read to its end completes nothing.
    """

    def __init__(self, recorder: Recorder, url: str, provider: str, prices: PriceTable) -> None:
        self._recorder = recorder
        self._url = url.partition("?")[0]
        self._provider = provider or provider_of(url)
        self._prices = prices
        self._reader: AnswerReader | None = None

    def answered(self, status: int, content_type: str, encoding: str, stated_usd: str = "") -> None:
        if status == 200:
            streamed = content_type.lower().startswith("text/event-stream")
            self._reader = open_reader("responses", streamed=streamed, encoding=encoding)

    def feed(self, data: bytes) -> None:
        if self._reader is not None:
            self._reader.feed(data)
            if self._reader.complete:
                self.finish()

    def finish(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()
            with suppress(InsourceError):  # the next request for the response tries again
                complete_later(self._recorder, reader, self._provider, self._price)

    def fail(self, error: BaseException) -> None:
        self._reader = None

    def drop(self) -> None:
        self._reader = None

    abandon = drop

    def _price(self, call: Call, reader: AnswerReader) -> Priced:
        usage, billing, at = reader.usage, billing_of(reader.response), call.started_at
        return first_priced(
            (reader.model, call.model_asked),
            lambda name: self._prices.price(name, usage, at, provider=self._url, billing=billing),
        )
