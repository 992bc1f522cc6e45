"""Reading along in what the cloud answers, for the record; never altering it."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, get_args

import msgspec

from insource.types import FinishReason, Usage

_FINISH: dict[str, FinishReason] = {reason: reason for reason in get_args(FinishReason)}
_ZLIB_OR_GZIP = 47  # zlib's window bits for "either header"


class AnswerReader:
    """What a provider's answer says: ``text``, ``finish_reason``, ``usage``, ``model``, ``error``.

    ``feed`` it the bytes as they come, server-sent events when ``streamed``, else one JSON document,
    compressed as the ``content-encoding`` says. ``done`` is the ``[DONE]`` of a stream. What cannot be
    read is passed over: the client gets the bytes whether we understand them or not.
    """

    def __init__(self, *, streamed: bool, encoding: str = "") -> None:
        self.text = ""
        self.finish_reason: FinishReason = "unknown"
        self.usage = Usage()
        self.model = ""
        self.error = ""
        self.done = False
        self._streamed = streamed
        self._decode = _decoder(encoding)
        self._rest = b""

    def feed(self, data: bytes) -> str:
        """Read on, and return the text that is new."""
        before = len(self.text)
        try:
            self._rest += self._decode(data)
        except zlib.error as error:
            self.error = f"the answer could not be decompressed: {error}"
            self._decode = _drop
        if self._streamed:
            *lines, self._rest = self._rest.split(b"\n")
            for line in lines:
                self._line(line)
        return self.text[before:]

    def close(self) -> None:
        """Everything has been fed."""
        if self._streamed:
            self._line(self._rest)
        else:
            self._document(self._rest)

    def _line(self, line: bytes) -> None:
        if not line.startswith(b"data:"):
            return
        data = line[5:].strip()
        if data == b"[DONE]":
            self.done = True
        else:
            self._document(data)

    def _document(self, data: bytes) -> None:
        try:
            document = msgspec.json.decode(data)
        except ValueError:
            return
        if not isinstance(document, dict):
            return
        self.model = _string(document.get("model")) or self.model
        if isinstance(document.get("usage"), dict):
            self.usage = read_usage(document["usage"])
        if document.get("error"):
            error = document["error"]
            self.error = _string(error.get("message") if isinstance(error, dict) else error) or "error"
        choices = document.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict) and choice.get("index", 0) == 0:
                self._choice(choice)

    def _choice(self, choice: dict[str, Any]) -> None:
        said = choice.get("delta") or choice.get("message")
        if isinstance(said, dict):
            self.text += _string(said.get("content"))
        finish = _string(choice.get("finish_reason"))
        self.finish_reason = _FINISH.get(finish, self.finish_reason)


def read_usage(usage: dict[str, Any]) -> Usage:
    """OpenAI's token counts; what is not a count is unknown."""
    prompt, answer = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    return Usage(
        input_tokens=_count(usage, "prompt_tokens"),
        cached_tokens=_count(prompt, "cached_tokens"),
        output_tokens=_count(usage, "completion_tokens"),
        reasoning_tokens=_count(answer, "reasoning_tokens"),
    )


MAX_COUNT = 2**53  # beyond this no provider counts, and the store could not keep it


def _count(counts: Any, name: str) -> int | None:
    value = counts.get(name) if isinstance(counts, dict) else None
    countable = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT
    return value if countable else None


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _decoder(encoding: str) -> Callable[[bytes], bytes]:
    if encoding in ("", "identity"):
        return bytes
    if encoding in ("gzip", "x-gzip", "deflate"):
        return zlib.decompressobj(_ZLIB_OR_GZIP).decompress
    return _drop


def _drop(data: bytes) -> bytes:
    return b""
