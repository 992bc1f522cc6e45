"""Byte positions of the values in a JSON text."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

# Matching bytes is safe: structure is ASCII, and no byte of a longer UTF-8 sequence is ASCII.
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_SCALAR = re.compile(rb"[^\s,\]}]+")
_SPACE = re.compile(rb"\s*")


class Span(NamedTuple):
    """A value at bytes ``start`` to ``end``, including a leaf's quotes.

    A path looks like ``lines[0].qty``.
    """

    path: str
    start: int
    end: int
    leaf: bool


def json_spans(text: bytes) -> list[Span]:
    """Return the spans of all values of a JSON document, each container after its contents.

    Raises:
        ValueError: ``text`` is not JSON (RFC 8259, which excludes ``NaN``), or is nested too deeply.
    """
    spans: list[Span] = []
    try:
        json.loads(text, parse_constant=_no_constant)
        _value(text, _skip(text, 0), "", spans)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return spans


def _value(text: bytes, at: int, path: str, spans: list[Span]) -> int:
    """Record the value that starts at ``at``; return where it ends."""
    if text[at : at + 1] in (b"{", b"["):
        end = _members(text, at, path, spans)
        spans.append(Span(path, at, end, leaf=False))
        return end
    pattern = _STRING if text[at : at + 1] == b'"' else _SCALAR
    end = _end(pattern, text, at)
    spans.append(Span(path, at, end, leaf=True))
    return end


def _members(text: bytes, at: int, path: str, spans: list[Span]) -> int:
    is_object = text[at : at + 1] == b"{"
    closing = b"}" if is_object else b"]"
    at = _skip(text, at + 1)
    index = 0
    while text[at : at + 1] != closing:
        if is_object:
            end = _end(_STRING, text, at)
            key = json.loads(text[at:end])
            inner = f"{path}.{key}" if path else key
            at = _skip(text, _skip(text, end) + 1)
        else:
            inner = f"{path}[{index}]"
        at = _skip(text, _value(text, at, inner, spans))
        index += 1
        if text[at : at + 1] == b",":
            at = _skip(text, at + 1)
    return at + 1


def _end(pattern: re.Pattern[bytes], text: bytes, at: int) -> int:
    found = pattern.match(text, at)
    if found is None:
        raise ValueError(f"no value at byte {at}")
    return found.end()


def _skip(text: bytes, at: int) -> int:
    return _end(_SPACE, text, at)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
