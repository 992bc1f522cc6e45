"""Parse Anthropic messages."""

from __future__ import annotations

from typing import Any

from insource.providers.deltas import append, joined
from insource.providers.dialect import Dialect, decoded, dicts, error_of, finish_of, string
from insource.providers.usage import merged, read_usage
from insource.types import Usage

_TEXT_DELTAS = {"text_delta": "text", "thinking_delta": "thinking"}
_INPUT = "partial_json"  # collects a tool's input as text until its block is complete


class MessagesDialect(Dialect):
    """``text`` is the text of the text blocks, without thinking."""

    def __init__(self) -> None:
        super().__init__()
        self._message: dict[str, Any] = {}
        self._blocks: dict[int, dict[str, Any]] = {}

    @property
    def text(self) -> str:
        blocks = dicts((self.response or {}).get("content"))
        return "".join(string(block.get("text")) for block in blocks if block.get("type") == "text")

    @property
    def usage(self) -> Usage:
        return read_usage(self._message.get("usage"), cache_apart=True)

    @property
    def response(self) -> dict[str, Any] | None:
        if not self._blocks:
            return self._message or None
        return self._message | {"content": [_built(block) for _, block in sorted(self._blocks.items())]}

    def _document(self, document: dict[str, Any]) -> None:
        self._message = document
        self.model = string(document.get("model")) or self.model
        self.error = error_of(document) or self.error
        self.finish_reason = finish_of(document.get("stop_reason"))

    def _event(self, event: dict[str, Any]) -> str:
        kind = event.get("type")
        if kind == "content_block_delta":
            return self._delta(event)
        if kind == "content_block_start":
            if isinstance(event.get("content_block"), dict) and isinstance(event.get("index"), int):
                self._blocks[event["index"]] = event["content_block"]
                return string(event["content_block"].get("text"))
        elif kind == "message_start":
            if isinstance(event.get("message"), dict):
                self._document(event["message"])
        elif kind == "message_delta":
            self._message_delta(event)
        elif kind == "message_stop":
            self.ended = True
        elif kind == "error":
            self.error = error_of(event) or "error"
        return ""

    def _delta(self, event: dict[str, Any]) -> str:
        delta, index = event.get("delta"), event.get("index")
        if not isinstance(delta, dict) or not isinstance(index, int):
            return ""
        block = self._blocks.setdefault(index, {})
        kind = delta.get("type")
        if kind in _TEXT_DELTAS:
            key = _TEXT_DELTAS[kind]
            text = string(delta.get(key))
            append(block, key, text)
            return text if kind == "text_delta" else ""
        if kind == "input_json_delta":
            append(block, _INPUT, string(delta.get("partial_json")))
        elif kind == "citations_delta":
            if not isinstance(block.get("citations"), list):
                block["citations"] = []
            block["citations"].append(delta.get("citation"))
        else:  # a signature or an unknown kind: sent complete
            block.update({key: value for key, value in delta.items() if key != "type"})
        return ""

    def _message_delta(self, event: dict[str, Any]) -> None:
        """Merge the event into the message. Its counts are totals; an omitted count has not changed."""
        for key, value in event.items():
            if key == "delta" and isinstance(value, dict):
                self._message.update({name: item for name, item in value.items() if item is not None})
            elif key == "usage":
                self._message[key] = merged(self._message.get(key), value)
            elif key != "type":
                self._message[key] = value
        self.finish_reason = finish_of(self._message.get("stop_reason"))


def _built(block: dict[str, Any]) -> dict[str, Any]:
    """Return the block as in a complete answer; tool input that was cut off stays text."""
    built: dict[str, Any] = joined(block)
    if text := built.pop(_INPUT, ""):
        value = decoded(text.encode("utf-8", "surrogatepass"))
        built["input"] = text if value is None else value
    return built
