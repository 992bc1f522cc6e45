"""One recorded HTTP exchange with a provider."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from dataclasses import replace
from typing import Any, NamedTuple, cast
from urllib.parse import unquote, urlsplit

from insource.formats.values import BadRecord, parse_json
from insource.logs.call_values import CallEnd, CallStart
from insource.logs.process_log import ProcessLog
from insource.logs.recorder import Recording
from insource.providers import AnswerReader, Endpoint, open_reader
from insource.providers.billing import billing_of
from insource.providers.framing import start_of
from insource.providers.prices import UNPRICED, UNREAD, Priced, PriceTable, first_priced
from insource.providers.tags import HEADER, Tags
from insource.providers.token_estimates import estimated
from insource.types import FinishReason, Usage
from insource.types.call import Outcome

_MODEL_IN_PATH = re.compile(r"/(?:models|deployments)/([^/:]+)")
_PROVIDERS = {
    "api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "google",
    "openrouter.ai": "openrouter",
    "api.typesafe.ai": "typesafe",
}


class Sent(NamedTuple):
    """An outgoing request: method, URL, body and API keys."""

    method: str
    url: str
    body: bytes
    keys: tuple[str, ...] = ()


def take_tags(headers: MutableMapping[str, str], tags: Tags) -> Tags:
    """Return ``tags`` with those of the request's ``x-insource-*`` headers in their place.

    The headers are removed from the request, because the provider must not get them.
    """
    marked = {name: headers[name] for name in list(headers) if name.lower().startswith(HEADER)}
    for name in marked:
        del headers[name]
    given = {name.lower().removeprefix(HEADER).replace("-", "_"): value for name, value in marked.items()}
    return replace(tags, **{name: given[name] for name in vars(tags) if given.get(name)})


def begin_exchange(
    log: ProcessLog, sent: Sent, endpoint: Endpoint, tags: Tags, prices: PriceTable, provider: str = ""
) -> WrappedExchange:
    """Record that a request is sent. It is written when this returns.

    Raises:
        PrerequisiteError: ``spool-unwritable`` with ``on_log_failure="refuse"``: do not send it.
    """
    parts = urlsplit(sent.url)
    request = _request_of(sent.body)
    in_path = _MODEL_IN_PATH.search(parts.path)
    model = request.get("model") if isinstance(request.get("model"), str) else None
    recording = log.recorder.begin_call(
        CallStart(
            request=request,
            model_asked=cast(str, model or (unquote(in_path[1]) if in_path else "")),
            source="wrap",
            task=tags.task,
            feature=tags.feature,
            prompt_version=tags.prompt_version,
            user=tags.user,
            provider=provider or provider_of(sent.url),
            endpoint=endpoint,
            streamed=request.get("stream") is True or ":stream" in parts.path,
        )
    )
    return WrappedExchange(log, recording, endpoint, request, prices, sent)


class WrappedExchange:
    """An exchange between request and end of answer. The first end counts. Not by several threads at once."""

    def __init__(
        self,
        log: ProcessLog,
        recording: Recording,
        endpoint: Endpoint,
        request: dict[str, Any],
        prices: PriceTable,
        sent: Sent,
    ) -> None:
        self.ended = False
        self._log = log
        self._recording = recording
        self._endpoint: Endpoint = endpoint
        self._request = request
        self._prices = prices
        self._url = sent.url.partition("?")[0]
        self._keys = sent.keys
        self._status: int | None = None
        self._stated_usd = ""
        self._reader: AnswerReader | None = None

    def answered(self, status: int, content_type: str, encoding: str, stated_usd: str = "") -> None:
        """Start reading the answer, whose status and headers have arrived."""
        self._status = status
        self._stated_usd = stated_usd
        streamed = content_type.lower().startswith("text/event-stream")
        self._reader = open_reader(self._endpoint, streamed=streamed, encoding=encoding)

    def feed(self, data: bytes) -> None:
        """Process a piece of the answer's bytes.

        A stream's end marker ends the call, because the caller may stop reading there.
        """
        if self.ended or self._reader is None:
            return
        if new := self._reader.feed(data):
            self._recording.chunk(new)
        if self._reader.complete:
            self._end(self._outcome)

    def finish(self) -> None:
        """Record the end of the answer after its last byte."""
        if self._reader is None:
            return
        self._reader.close()
        if self._outcome == "ok" and not self._reader.complete:
            self._end("interrupted", "the stream stopped before its end")
        else:
            self._end(self._outcome)

    def fail(self, error: BaseException) -> None:
        """Record a failure: an error before the answer's first byte, otherwise an interruption."""
        interrupted = self._reader is not None or not isinstance(error, Exception)
        self._end("interrupted" if interrupted else "error", f"{type(error).__name__}: {error}")

    def drop(self) -> None:
        """Record that the caller stopped reading."""
        self._end("interrupted", "the caller stopped reading")

    give_up = drop

    def abandon(self) -> None:
        """As ``drop``, for a finalizer: another thread ends the call soon."""
        if not self.ended:
            self._log.abandoned.put(self)

    @property
    def _outcome(self) -> Outcome:
        reader = self._reader
        if self._status is None or self._status >= 300 or (reader and reader.error):
            return "error"
        return "unread" if reader and reader.unread else "ok"

    def _end(self, outcome: Outcome, error: str = "") -> None:
        if self.ended:
            return
        self.ended = True
        reader = self._reader
        if reader is None:
            finish: FinishReason = "error" if outcome == "error" else "unknown"
            self._recording.end_call(CallEnd(outcome=outcome, finish_reason=finish, error=error))
            return
        usage, guessed = reader.usage if reader.answered else Usage(), False
        charged = reader.answered and outcome in ("ok", "interrupted")
        if charged and (usage.output_tokens is None or outcome == "interrupted"):
            usage, guessed = estimated(usage, self._request, reader.written)
        response = reader.response
        uncharged = UNPRICED if outcome == "error" else UNREAD
        priced = self._priced(reader.model, usage, response) if charged else uncharged
        self._recording.end_call(
            CallEnd(
                response=response,
                response_text=reader.text,
                outcome=outcome,
                finish_reason="error" if outcome == "error" else reader.finish_reason,
                model_answered=reader.model,
                usage=usage,
                usage_estimated=guessed,
                cost_usd=priced.cost_usd,
                priced_by=priced.priced_by,
                unpriced_because=priced.unpriced_because,
                status=self._status,
                keys=self._keys if outcome != "ok" else (),
                error=error or (reader.failure(self._status) if outcome == "error" else reader.unread),
            )
        )

    def _priced(self, model: str, usage: Usage, response: dict[str, Any] | None) -> Priced:
        billing, at = billing_of(response, stated_usd=self._stated_usd), self._recording.started_at
        return first_priced(
            (model, self._recording.model_asked),
            lambda name: self._prices.price(name, usage, at, provider=self._url, billing=billing),
        )


def _request_of(body: bytes) -> dict[str, Any]:
    try:
        document = parse_json(body.decode("utf-8", "replace"))
    except BadRecord:
        document = None
    if isinstance(document, dict):
        return document
    return {"bytes": len(body)} | ({"unread": start_of(body)} if body else {})


def provider_of(url: str) -> str:
    """Return the name of the provider at this URL; its host if it has none."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host.endswith(".openai.azure.com"):
        return "azure"
    if host.endswith("aiplatform.googleapis.com"):
        return "google"
    return _PROVIDERS.get(host, parts.netloc.rpartition("@")[2])
