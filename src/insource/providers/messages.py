"""Parse Anthropic messages."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

from insource.providers.characters import whole_characters
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
        self._blocks: list[tuple[int, dict[str, Any]]] = []

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
        in_order = sorted(self._blocks, key=itemgetter(0))
        return self._message | {"content": [_built(block) for _, block in in_order]}

    def _document(self, document: dict[str, Any]) -> None:
        self._message = document
        self.answered = isinstance(document.get("content"), list) or self.usage.output_tokens is not None
        self.model = string(document.get("model")) or self.model
        self.error = error_of(document) or self.error
        self.finish_reason = finish_of(document.get("stop_reason"))

    def _event(self, event: dict[str, Any]) -> str:
        kind = event.get("type")
        if kind == "content_block_delta":
            return self._delta(event)
        if kind == "content_block_start":
            if isinstance(event.get("content_block"), dict):
                self.answered = True
                self._blocks.append((self._index(event), event["content_block"]))
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
        delta = event.get("delta")
        if not isinstance(delta, dict):
            return ""
        self.answered = True
        blocks = self._blocks
        is_latest = blocks and blocks[-1][0] == event.get("index")  # as in nearly every event
        block = blocks[-1][1] if is_latest else self._block(self._index(event))
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

    def _index(self, event: dict[str, Any]) -> int:
        """Return the block's index; without one, the event is about the latest block."""
        index = event.get("index")
        if isinstance(index, int):
            return index
        return self._blocks[-1][0] if self._blocks else 0

    def _block(self, index: int) -> dict[str, Any]:
        """Return the latest block with this index: some servers give the same one to every block."""
        found = next((block for known, block in reversed(self._blocks) if known == index), None)
        if found is None:
            found = {}
            self._blocks.append((index, found))
        return found

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
        value = decoded(whole_characters(text).encode())
        built["input"] = text if value is None else value
    return built
