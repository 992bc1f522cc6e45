"""Read a raw answer: as a strict parser does, and with repair."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from typing import Any, NamedTuple, NoReturn

from insource.contract.reasoning import without_reasoning
from insource.contract.reasoning_field import taken_apart
from insource.types import JsonSchema, Labels, OutputSpec

MAX_DEPTH = 64
"""Deeper nesting is not an answer; it would only break whoever has to store or show it."""

_FENCE = re.compile(r"```[\w-]*[ \t]*\n?(.*?)```", re.DOTALL)


class ParsedAnswer(NamedTuple):
    """``value`` as read, strictly when ``parsed``, after repair when only ``repairable``, else None."""

    value: Any
    parsed: bool
    repairable: bool


class _NotStrict(ValueError):
    """Accepted by many parsers, but not interoperable JSON (RFC 7493)."""


def read_answer(text: str, output: OutputSpec) -> ParsedAnswer:
    """Read one raw answer as the task's output.

    The reasoning of a reasoning model (``contract.reasoning``) is no part of the answer: what is left without
    it is read like an answer without any. The reasoning that a schema declares (``contract.reasoning_field``)
    is dropped, too.

    JSON: ``parsed`` means that the whole answer is one JSON value under RFC 7493 (I-JSON): no NaN or
    infinity, no number beyond a double, no duplicate key, no lone surrogate, no nesting beyond
    ``MAX_DEPTH``. ``repairable`` means that a value is left after code fences and prose are stripped;
    the first balanced object counts, a truncated one does not. Repair reads duplicate keys as common
    parsers do (the last wins) and NaN as null; it never rewrites syntax such as trailing commas.

    Labels: ``parsed`` is one of the labels, ``repairable`` one of them after case, spaces and
    punctuation are folded, if only one fits. Text is always parsed.
    """
    if isinstance(output, JsonSchema):
        read = _read_json(text)
        return read._replace(value=taken_apart(read.value, output)[0])
    if isinstance(output, Labels):
        return _read_label(text, output.names)
    return ParsedAnswer(without_reasoning(text), parsed=True, repairable=True)


def answer_text(text: str, output: OutputSpec) -> str:
    """Return a raw answer without the reasoning that the schema declares; the same text where there is none.

    An answer that had some is written anew, as compact JSON; one that is not strictly parsed stays as it is.
    """
    if not isinstance(output, JsonSchema) or output.reasoning is None:
        return text
    read = _read_json(text)
    answer, _ = taken_apart(read.value, output)
    if answer is read.value or not read.parsed:  # what had to be repaired stays what it is
        return text
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))


def _read_json(text: str) -> ParsedAnswer:
    try:
        return ParsedAnswer(_loads(text, strict=True), parsed=True, repairable=True)
    except (ValueError, RecursionError):
        pass
    answer = without_reasoning(text)
    if answer != text:
        return _read_json(answer)
    for candidate in _candidates(answer):
        try:
            return ParsedAnswer(_loads(candidate, strict=False), parsed=False, repairable=True)
        except (ValueError, RecursionError):
            continue
    return ParsedAnswer(None, parsed=False, repairable=False)


def _candidates(text: str) -> list[str]:
    fenced = [match.strip() for match in _FENCE.findall(text)]
    return [text, *fenced, *_balanced_objects(text)]


def _balanced_objects(text: str, limit: int = 8) -> list[str]:
    """Return the first top-level ``{…}`` spans, ignoring braces in strings; none after an unclosed one."""
    found: list[str] = []
    depth, start, in_string, escaped = 0, 0, False, False
    for position, character in enumerate(text):
        if in_string:
            in_string = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"' and depth:
            in_string = True
        elif character == "{":
            start = position if depth == 0 else start
            depth += 1
        elif character == "}" and depth:
            depth -= 1
            if depth == 0:
                found.append(text[start : position + 1])
                if len(found) == limit:
                    break
    return found


def _loads(text: str, *, strict: bool) -> Any:
    """``json.loads`` with the rules of ``read_answer``.

    Raises:
        ValueError: for anything that is not such a value, lone surrogates and deep nesting included.
        RecursionError: for nesting the parser itself gives up on.
    """
    value = json.loads(
        text,
        parse_constant=_reject if strict else lambda _: None,
        parse_float=_finite if strict else _finite_or_none,
        object_pairs_hook=_unique if strict else dict,
    )
    _check_plain(value)
    return value


def _reject(constant: str) -> NoReturn:
    raise _NotStrict(constant)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _NotStrict(text)
    return number


def _finite_or_none(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) != len(pairs):
        raise _NotStrict("duplicate key")
    return keys


def _check_plain(value: Any) -> None:
    stack = [(value, 1)]
    while stack:
        item, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise _NotStrict("nested too deeply")
        if isinstance(item, dict):
            stack.extend((part, depth + 1) for pair in item.items() for part in pair)
        elif isinstance(item, list):
            stack.extend((part, depth + 1) for part in item)
        elif isinstance(item, str) and not item.isascii():
            item.encode()  # UnicodeEncodeError, a ValueError, for a lone surrogate
        elif isinstance(item, int) and not -(2**1023) < item < 2**1023:
            raise _NotStrict("number beyond a double")


def _read_label(text: str, names: tuple[str, ...]) -> ParsedAnswer:
    stripped = text.strip()
    if stripped in names:
        return ParsedAnswer(stripped, parsed=True, repairable=True)
    answer = without_reasoning(text)
    if answer in names:
        return ParsedAnswer(answer, parsed=True, repairable=True)
    folded = _fold_label(answer)
    fitting = [name for name in names if folded and _fold_label(name) == folded]
    if len(fitting) == 1:
        return ParsedAnswer(fitting[0], parsed=False, repairable=True)
    return ParsedAnswer(None, parsed=False, repairable=False)


def _fold_label(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in folded if character.isalnum())
