"""Assemble streamed deltas. Texts are kept as pieces and joined once, so assembly takes linear time."""

from __future__ import annotations

from typing import Any

import msgspec

# Keys whose text is streamed in pieces. Other texts are sent complete, by some servers in every chunk.
_GROWS = {"content", "text", "arguments", "refusal", "reasoning", "reasoning_content", "thinking"}
_GROWS |= {"summary", "data", "transcript", "input", "code"}
_SENT_WHOLE = {"id", "type", "role", "object", "format", "status"}


class Pieces(list[str]):
    """The pieces of a text that is still being streamed."""


def merge(whole: dict[str, Any], delta: dict[str, Any]) -> None:
    """Merge a delta into ``whole``: texts and lists grow; list entries are matched by ``index``."""
    for key, value in delta.items():
        before = whole.get(key)
        if value is None:
            whole.setdefault(key, None)
        elif isinstance(value, str):
            _merge_text(whole, key, before, value)
        elif isinstance(value, list):
            _merge_list(whole, key, before, value)
        elif isinstance(value, dict) and isinstance(before, dict):
            merge(before, value)
        else:
            whole[key] = value


def append(whole: dict[str, Any], key: str, text: str) -> None:
    """Append to the text under this key; a value that is not text stays unchanged."""
    before = whole.get(key)
    if isinstance(before, Pieces):
        if text:
            before.append(text)
    elif isinstance(before, str) or before is None:
        whole[key] = Pieces((before, text)) if before else Pieces((text,))


def joined(value: Any) -> Any:
    """Return the value with all pieces joined into texts."""
    if isinstance(value, Pieces):
        return "".join(value)
    if isinstance(value, dict):
        return {key: joined(item) for key, item in value.items()}
    if isinstance(value, list):
        return [joined(item) for item in value]
    return value


def _merge_text(whole: dict[str, Any], key: str, before: Any, value: str) -> None:
    # The content began as parts and continues as plain text
    if isinstance(before, list) and not isinstance(before, Pieces):
        if value:
            before.append({"type": "text", "text": value})
    elif key in _SENT_WHOLE:
        whole[key] = value or before
    elif not isinstance(before, str | Pieces) and key not in _GROWS:
        whole[key] = value
    elif key in _GROWS or "".join(before or ()) != value:
        append(whole, key, value)


def _merge_list(whole: dict[str, Any], key: str, before: Any, value: list[Any]) -> None:
    if isinstance(before, str | Pieces) and (text := "".join(before)):
        before = whole[key] = [{"type": "text", "text": text}]
    elif not isinstance(before, list) or isinstance(before, Pieces):
        before = whole[key] = []
    known_entry = _tool_call if key == "tool_calls" else _entry
    for entry in value:
        known = known_entry(before, entry) if isinstance(entry, dict) else None
        if known is not None:
            merge(known, entry)
        else:
            before.append(entry)


def _entry(entries: list[Any], entry: dict[str, Any]) -> dict[str, Any] | None:
    index = entry.get("index")
    if not isinstance(index, int):
        return None
    return next((old for old in entries if isinstance(old, dict) and old.get("index") == index), None)


def _tool_call(calls: list[Any], delta: dict[str, Any]) -> dict[str, Any] | None:
    """Return the call that this delta continues, None if it starts one.

    Some servers give every call the index 0, or none. There a new id with a name starts a call, and a delta
    without an id belongs to the latest one. Others give every delta another id, but only the first a name.
    """
    index, identifier = delta.get("index"), delta.get("id")
    same = [call for call in reversed(calls) if isinstance(call, dict)]
    if isinstance(index, int):
        same = [call for call in same if call.get("index") == index]
    if identifier and (known := next((call for call in same if call.get("id") == identifier), None)):
        return known
    latest = same[0] if same else None
    if (
        latest is None
        or (identifier and latest.get("id") and _has_name(delta))
        or _is_next_call(latest, delta)
    ):
        return None
    return latest


def _has_name(delta: dict[str, Any]) -> bool:
    return any(isinstance(part, dict) and part.get("name") for part in delta.values())


def _is_next_call(call: dict[str, Any], delta: dict[str, Any]) -> bool:
    """Whether a delta without a new id is a call of its own: it has a name, and the call before is whole."""
    said, says = call.get("function"), delta.get("function")
    if (
        not isinstance(said, dict)
        or not isinstance(says, dict)
        or not (says.get("name") and said.get("name"))
    ):
        return False
    other = says["name"] != joined(said["name"])
    return bool(other or says.get("arguments")) and _are_whole(said.get("arguments"))


def _are_whole(arguments: Any) -> bool:
    if not isinstance(arguments, str | Pieces):
        return isinstance(arguments, dict)
    if not arguments or not arguments[-1].endswith("}"):
        return False
    try:
        return isinstance(msgspec.json.decode("".join(arguments)), dict)
    except (ValueError, RecursionError):
        return False
