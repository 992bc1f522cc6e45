"""Notice calls that ask otherwise than what the policy was certified for, count them, and say so."""

from __future__ import annotations

import logging
from collections import Counter
from functools import partial
from typing import Any

from insource.foundation.clock import SYSTEM as CLOCK
from insource.foundation.clock import iso
from insource.gateway.call.exchange import Exchange
from insource.gateway.settings import Alarm, TaskSettings
from insource.providers.requests import SYSTEM, messages_of, text_of
from insource.routing.ways.certified import PROMPT_CHANGED, certified, changed

MOST_CAUSES = 20
"""Causes that are told apart, so that callers cannot fill the memory with versions of their prompts."""

_LOG = logging.getLogger(__name__)


class AsCertified:
    """Compares the calls of one task with what its policy was certified for."""

    def __init__(self, own: TaskSettings) -> None:
        self._own = own
        self._known = own.certified or certified(own.task)
        self._calls: Counter[str] = Counter()
        self._since = ""

    def changed(self, exchange: Exchange) -> str:
        """Return what of a call, or of the model, is not as certified; empty if all is. Count and say it."""
        what = self._own.model_changed or self._other(exchange, _system_message(exchange))
        if what:
            self._alarm(what)
        return what

    def _other(self, exchange: Exchange, prompt: str) -> str:
        about = partial(
            changed, self._known, schema=_schema(exchange), prompt_version=exchange.tags.prompt_version
        )
        what = about(prompt=prompt)
        # The certified prompts may come from the log, where secrets and personal data were replaced.
        if what and prompt and (redacted := self._own.redact(prompt)) != prompt:
            return about(prompt=redacted)
        return what

    def state(self) -> dict[str, Any] | None:
        """Return the calls that asked otherwise, by what was other; None without any."""
        return {"since": self._since, "calls": dict(self._calls)} if self._calls else None

    def _alarm(self, what: str) -> None:
        self._since = self._since or iso(CLOCK.now())
        if what not in self._calls and len(self._calls) >= MOST_CAUSES:
            what = "something else"
        self._calls[what] += 1
        if self._calls[what] > 1:
            return
        name = self._own.task.name
        message = (
            f"Calls of {name} do not go to the local model: {what} is not what its policy was certified for. "
            "Calibrate again with such calls (insource run), or name the system message in [routing] prompts."
        )
        _LOG.warning("%s", message)
        self._own.alarm(Alarm(name, PROMPT_CHANGED, message))


def _system_message(exchange: Exchange) -> str:
    """Return the instruction of a chat completion; the wording of typed questions is not read."""
    said = messages_of(exchange.document or {}) if exchange.chat else ()
    return "\n\n".join(filter(None, (text_of(content)[0] for role, content in said if role == SYSTEM)))


def _schema(exchange: Exchange) -> dict[str, Any] | None:
    """Return the schema that a chat completion asks for. One that cannot be read was turned away before."""
    asked = exchange.chat.response_format if exchange.chat else None
    named = asked.get("json_schema") if isinstance(asked, dict) else None
    schema = named.get("schema") if isinstance(named, dict) else None
    return schema if isinstance(schema, dict) else None
