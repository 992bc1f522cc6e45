"""Parse Gemini's ``generateContent`` and ``streamGenerateContent``, from both of Google's APIs."""

from __future__ import annotations

from typing import Any

from insource.providers.deltas import append, joined
from insource.providers.dialect import Dialect, decoded, dicts, error_of, finish_of, string
from insource.providers.usage import merged, read_usage
from insource.types import Usage

_ANSWERS = ("candidates", "promptFeedback", "usageMetadata")


class GeminiDialect(Dialect):
    """Every event has the shape of a whole answer; consecutive texts are joined."""

    def __init__(self) -> None:
        super().__init__()
        self._head: dict[str, Any] = {}
        self._candidates: dict[int, dict[str, Any]] = {}
        self._said: list[str] = []
        self._whole: dict[str, Any] | None = None

    @property
    def text(self) -> str:
        return "".join(self._said)

    @property
    def usage(self) -> Usage:
        return read_usage(self._head.get("usageMetadata"), cache_apart=False)

    @property
    def response(self) -> dict[str, Any] | None:
        if self._whole is not None:
            return self._whole
        if not self._candidates:
            return self._head or None
        return self._head | {"candidates": [joined(item) for _, item in sorted(self._candidates.items())]}

    def whole(self, data: bytes) -> None:
        """Parse one document. A stream without ``alt=sse`` is a JSON list of its events."""
        document = self._decoded(data)
        for part in dicts(document if isinstance(document, list) else [document]):
            self._event(part)
        if isinstance(document, dict):
            self._whole = decoded(data)

    def _event(self, document: dict[str, Any]) -> str:
        self.answered = self.answered or any(document.get(name) for name in _ANSWERS)
        head = {key: value for key, value in document.items() if key != "candidates"}
        head |= {key: merged(self._head.get(key), head[key]) for key in head.keys() & {"usageMetadata"}}
        self._head |= head
        self.model = string(document.get("modelVersion")) or self.model
        self.error = error_of(document) or self.error
        feedback = document.get("promptFeedback")
        if isinstance(feedback, dict) and feedback.get("blockReason"):
            self.finish_reason = "content_filter"
        return "".join([self._candidate(candidate) for candidate in dicts(document.get("candidates"))])

    def _candidate(self, chunk: dict[str, Any]) -> str:
        index = chunk.get("index", 0)
        if not isinstance(index, int):
            return ""
        candidate = self._candidates.setdefault(index, {})
        about = {key: value for key, value in chunk.items() if key != "content"}
        about |= {key: merged(candidate.get(key), about[key]) for key in about.keys() & {"groundingMetadata"}}
        candidate.update(about)
        content, said = chunk.get("content"), ""
        if isinstance(content, dict):
            whole = candidate.setdefault("content", {"parts": []})
            whole.update({key: value for key, value in content.items() if key != "parts"})
            for part in dicts(content.get("parts")):
                _add(whole["parts"], part)
                said += "" if part.get("thought") else string(part.get("text"))
        if index != 0:
            return ""
        if reason := chunk.get("finishReason"):
            called = any("functionCall" in part for part in candidate.get("content", {"parts": []})["parts"])
            finish = finish_of(reason)
            self.finish_reason = "tool_calls" if called and finish == "stop" else finish
        self._said.append(said)
        return said


def _add(parts: list[dict[str, Any]], part: dict[str, Any]) -> None:
    """Append a text to the last part if that is a text of the same kind; otherwise add a part."""
    text = part.get("text")
    last = parts[-1] if parts else {}
    if isinstance(text, str) and "text" in last and last.get("thought") == part.get("thought"):
        append(last, "text", text)
        last.update({key: value for key, value in part.items() if key != "text"})
    else:
        parts.append(part)
