"""Parse OpenAI responses."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from insource.providers.deltas import append, joined
from insource.providers.dialect import Dialect, dicts, error_of, finish_of, string
from insource.providers.usage import merged, read_usage
from insource.types import FinishReason, Usage

_LAST = frozenset(("response.completed", "response.incomplete", "response.failed", "response.cancelled"))
# The key of an output item to which an event's delta is appended.
_ITEM_DELTAS = {
    "response.function_call_arguments.delta": "arguments",
    "response.mcp_call_arguments.delta": "arguments",
    "response.custom_tool_call_input.delta": "input",
    "response.code_interpreter_call_code.delta": "code",
}
_PART_DELTAS = {
    "response.output_text.delta": ("content", "content_index", "text"),
    "response.refusal.delta": ("content", "content_index", "refusal"),
    "response.reasoning_text.delta": ("content", "content_index", "text"),
    "response.reasoning_summary_text.delta": ("summary", "summary_index", "text"),
}
_PARTS = {
    "response.content_part.added": ("content", "content_index"),
    "response.content_part.done": ("content", "content_index"),
    "response.reasoning_summary_part.added": ("summary", "summary_index"),
    "response.reasoning_summary_part.done": ("summary", "summary_index"),
}
_PENDING = frozenset(("queued", "in_progress"))
_ENDED = frozenset(("completed", "incomplete", "failed", "cancelled"))
_ADDED, _DONE = _WHOLE = "response.output_item.added", "response.output_item.done"
_MOST_PARTS = 10_000  # larger indexes are ignored


@dataclass(slots=True)
class _Item:
    """An output item: its index, its fields so far, and whether its end was seen."""

    index: int
    fields: dict[str, Any] = field(default_factory=dict)
    done: bool = False


class ResponsesDialect(Dialect):
    """The last event holds the whole response; until then the response is assembled from deltas."""

    def __init__(self) -> None:
        super().__init__()
        self._head: dict[str, Any] = {}
        self._items: list[_Item] = []
        self._repeated = False  # whether an index occurs twice

    @property
    def text(self) -> str:
        return output_text(self.response)

    @property
    def usage(self) -> Usage:
        return read_usage(self._head.get("usage"), cache_apart=False)

    @property
    def response(self) -> dict[str, Any] | None:
        if not self._head and not self._items:
            return None
        if self._head.get("output") or not self._items:
            return self._head
        in_order = sorted(self._items, key=attrgetter("index"))
        return self._head | {"output": [joined(item.fields) for item in in_order]}

    def _document(self, document: dict[str, Any]) -> None:
        if "usage" in self._head:
            document["usage"] = merged(self._head["usage"], document.get("usage"))
        self._head = document
        status = document.get("status")
        self.awaited = _awaited(document) if status in _PENDING else ""
        self.answered = bool(self._items or document.get("output") or self.usage.output_tokens is not None)
        self.answered = self.answered or status in _ENDED
        self.model = string(document.get("model")) or self.model
        self.error = error_of(document) or self.error
        self.finish_reason = _finish(
            document, dicts(document.get("output")) or [one.fields for one in self._items]
        )

    def _event(self, event: dict[str, Any]) -> str:
        kind = string(event.get("type"))
        response = event.get("response")
        if isinstance(response, dict):
            self._document(response)
            self.ended = self.ended or kind in _LAST
        elif kind == "error" or event.get("error"):
            self.error = error_of(event) or string(event.get("message")) or "error"
        elif kind in _WHOLE:
            if isinstance(event.get("item"), dict):
                self.answered = True
                item = self._item(event, string(event["item"].get("id")), kind)
                item.fields, item.done = event["item"], kind == _DONE
        elif isinstance(event.get("output_index"), int) or kind.endswith(".delta"):
            self.answered = True
            item = self._item(event, string(event.get("item_id")), kind)
            return self._part_of_output(kind, item.fields, event)
        return ""

    def _item(self, event: dict[str, Any], identifier: str, kind: str) -> _Item:
        """Return the item that an event is about, adding it if needed.

        The index tells items apart, and where several have the same one, or an event has none, the id does.
        An id alone does not start an item: some servers send another one in every event.
        """
        index = event.get("output_index")
        latest = self._items[-1] if self._items else None
        if latest is not None and latest.index == index and not self._repeated and kind not in _WHOLE:
            return latest  # nearly every event
        same = [item for item in reversed(self._items) if index in (None, item.index)]
        found = next((item for item in same if identifier and item.fields.get("id") == identifier), None)
        if found is None and same:
            another = "type" in same[0].fields if kind == _ADDED else kind == _DONE and same[0].done
            found = None if another else same[0]
        if found is None:
            before = latest.index if latest is not None else 0
            found = _Item(index if isinstance(index, int) else before)
            self._repeated = self._repeated or any(item.index == found.index for item in self._items)
            self._items.append(found)
        return found

    def _part_of_output(self, kind: str, item: dict[str, Any], event: dict[str, Any]) -> str:
        delta = string(event.get("delta"))
        if kind in _ITEM_DELTAS:
            append(item, _ITEM_DELTAS[kind], delta)
        elif kind in _PARTS:
            name, number = _PARTS[kind]
            if (
                isinstance(event.get("part"), dict)
                and (part := _part(item, name, event.get(number))) is not None
            ):
                part.clear()
                part.update(event["part"])
        elif kind in _PART_DELTAS:
            name, number, text = _PART_DELTAS[kind]
            if (part := _part(item, name, event.get(number))) is not None:
                append(part, text, delta)
            return delta if kind == "response.output_text.delta" else ""
        elif kind == "response.output_text.annotation.added":
            part = _part(item, "content", event.get("content_index"))
            if part is not None and isinstance(notes := part.setdefault("annotations", []), list):
                notes.append(event.get("annotation"))
        return ""


def output_text(response: dict[str, Any] | None) -> str:
    """Return the text of a response's messages, as ``output_text`` of the official client."""
    return "".join(
        string(part.get("text"))
        for item in dicts((response or {}).get("output"))
        if item.get("type") == "message"
        for part in dicts(item.get("content"))
        if part.get("type") == "output_text"
    )


def _awaited(response: dict[str, Any]) -> str:
    """Say where the answer of a background response comes from."""
    return f"the response is {response['status']}; GET /v1/responses/{response.get('id')} brings its answer"


def _finish(response: dict[str, Any], output: list[dict[str, Any]]) -> FinishReason:
    status = response.get("status")
    if status == "incomplete":
        details = response.get("incomplete_details")
        return finish_of(details.get("reason")) if isinstance(details, dict) else "unknown"
    if status == "completed" and any(
        item.get("type") in ("function_call", "custom_tool_call") for item in output
    ):
        return "tool_calls"
    return finish_of(status)


def _part(item: dict[str, Any], name: str, number: Any) -> dict[str, Any] | None:
    """Return the part of an item with this number, adding it if needed; None for an invalid
    number or part.
    """
    parts = item.get(name)
    if not isinstance(parts, list):
        parts = item[name] = []
    if not isinstance(number, int) or not 0 <= number < _MOST_PARTS:
        return None
    while len(parts) <= number:
        parts.append({})
    return parts[number] if isinstance(parts[number], dict) else None
