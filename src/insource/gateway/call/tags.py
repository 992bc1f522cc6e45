"""Read a call's tags from its headers, its ``metadata`` or its path, and edit the forwarded body.

An edit changes only the members that it is about. Every other byte of the caller's body stays the same.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, NamedTuple

from insource.gateway.http.asgi import HttpRequest
from insource.providers.tags import HEADER, Tags

PREFIX = "insource_"
HEADERS = frozenset(f"{HEADER}{field.name.replace('_', '-')}".encode() for field in fields(Tags))
_UNTAGGED = Tags()
_DECODER = json.JSONDecoder(parse_int=str)  # int() refuses 5,000 digits, providers may not
_SPACE = " \t\r\n"


class Member(NamedTuple):
    """A member of a JSON object: its name, and the positions of name and value in the text."""

    name: str
    start: int
    value: int
    end: int


def tags_of(request: HttpRequest, document: dict[str, Any] | None, task: str = "") -> Tags:
    """Return a call's tags. The task of the path wins over the headers, and these over ``metadata``."""
    marks = marks_in(document)
    if not marks and not request.has(HEADERS):  # nearly every call
        return Tags(task=task) if task else _UNTAGGED

    def tag(name: str) -> str:
        marked = marks.get(PREFIX + name)
        return request.header(f"{HEADER}{name.replace('_', '-')}") or (
            marked if isinstance(marked, str) else ""
        )

    return Tags(
        task=task or tag("task"),
        prompt_version=tag("prompt_version"),
        feature=tag("feature"),
        user=tag("user"),
        group=tag("group"),
    )


def marks_in(document: dict[str, Any] | None) -> dict[str, Any]:
    """Return the members of ``metadata`` that are for the gateway."""
    metadata = document.get("metadata") if document else None
    if not isinstance(metadata, dict):
        return {}
    return {name: value for name, value in metadata.items() if name.startswith(PREFIX)}


def without_marks(body: bytes) -> bytes:
    """Return the body without the gateway's members of ``metadata``; ``body`` is a JSON object.

    If ``metadata`` is empty then, it is removed, because OpenAI accepts it only for stored completions.
    """
    text = _text(body)
    for outer in reversed(members(text, _skip(text, 0))):
        if outer.name != "metadata" or text[outer.value] != "{":
            continue
        inner = members(text, outer.value)
        if all(member.name.startswith(PREFIX) for member in inner):
            text = _cut(text, outer)
            continue
        for member in reversed(inner):
            if member.name.startswith(PREFIX):
                text = _cut(text, member)
    return _bytes(text)


def with_model(body: bytes, model: str) -> bytes:
    """Return the body with another model's name."""
    text = _text(body)
    for member in reversed(members(text, _skip(text, 0))):
        if member.name == "model":
            text = text[: member.value] + json.dumps(model) + text[member.end :]
    return _bytes(text)


def with_stream_usage(body: bytes) -> bytes:
    """Return the body with ``stream_options.include_usage`` set to true."""
    text = _text(body)
    start = _skip(text, 0)
    options = [member for member in members(text, start) if member.name == "stream_options"]
    if not options:
        return _bytes(_added(text, start, '"stream_options":{"include_usage":true}'))
    last = options[-1]
    if text[last.value] != "{":
        return _bytes(text[: last.value] + '{"include_usage":true}' + text[last.end :])
    kept = [m for m in members(text, last.value) if m.name == "include_usage"]
    if not kept:
        return _bytes(_added(text, last.value, '"include_usage":true'))
    return _bytes(text[: kept[-1].value] + "true" + text[kept[-1].end :])


def members(text: str, at: int) -> list[Member]:
    """Return the members of the object that starts at ``at``; ``text`` is valid JSON."""
    found = []
    at = _skip(text, at + 1)
    while text[at] != "}":
        name, end = _DECODER.raw_decode(text, at)
        value = _skip(text, _skip(text, end) + 1)
        _, after = _DECODER.raw_decode(text, value)
        found.append(Member(name, at, value, after))
        at = _skip(text, after)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return found


def _text(body: bytes) -> str:
    """Return the body as text from which ``_bytes`` makes the same body, also if it is not UTF-8."""
    return body.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _cut(text: str, member: Member) -> str:
    """Return the text without this member and one comma beside it."""
    after = _skip(text, member.end)
    if text[after] == ",":
        return text[: member.start] + text[_skip(text, after + 1) :]
    before = member.start
    while text[before - 1] in _SPACE:
        before -= 1
    if text[before - 1] == ",":
        return text[: before - 1] + text[member.end :]
    return text[: member.start] + text[member.end :]


def _added(text: str, at: int, member: str) -> str:
    """Return the text with a new first member in the object that starts at ``at``."""
    comma = "" if text[_skip(text, at + 1)] == "}" else ","
    return text[: at + 1] + member + comma + text[at + 1 :]


def _skip(text: str, at: int) -> int:
    while text[at] in _SPACE:
        at += 1
    return at
