"""Convert records of other shapes to Insource's own keys: columns, chat examples, completions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from insource.config.dataset import ColumnsSection
from insource.dataset.rows.records import KEYS, BadRow
from insource.dataset.sources.conversation import Conversations, asked
from insource.formats.paths import MISSING, value_at
from insource.formats.strict_json import kind_of
from insource.formats.values import opened
from insource.providers.requests import content_text

Record = dict[str, Any]


class Shape:
    """How records of one kind are read. ``known`` are the top-level keys that it looks at."""

    def __init__(self, name: str, convert: Callable[[Record], Record], known: frozenset[str]) -> None:
        self.name = name
        self.convert = convert
        self.known = known


def by_columns(columns: ColumnsSection, keep: frozenset[str] = frozenset()) -> Shape:
    """Records whose columns have other names; a dotted path enters objects.

    Several input columns are joined as ``name: value`` lines. Several output columns are the fields of a
    JSON object, where an empty CSV cell is null, and no output at all when each is; a single one is the
    label or the object itself.
    """
    single = {key: getattr(columns, key) for key in ("id", "group", "time", "split", "prompt")}
    named = (*_names(columns.input), *_names(columns.output), *single.values())

    def convert(record: Record) -> Record:
        found = {key: _filled(record, path) for key, path in single.items()}
        found["input"] = _joined(record, columns.input)
        found["output"] = _output(record, columns.output)
        others = {key: opened(record.get(key)) for key in KEYS if key not in found and record.get(key) != ""}
        if _EXPORTED in record and not others.get("provenance"):
            others["provenance"] = _flat_provenance(record)
        return {key: value for key, value in (others | found).items() if value is not None}

    known = frozenset(path.partition(".")[0] for path in named) | frozenset(named) | _OWN | keep
    return Shape("columns", convert, known)


_EXPORTED = "label_source"
_LISTS = ("parents", "co_teachers")
_FLAT = ("human_edited", "date", "terms", "prompt_version", "finish_reason", "synthetic", *_LISTS)
_OWN = frozenset({*KEYS, _EXPORTED, "teacher", *_FLAT})


@cache
def _by_name() -> Shape:
    return by_columns(ColumnsSection())


ROWS = Shape("rows", lambda record: _by_name().convert(record) if _EXPORTED in record else record, _OWN)
"""Insource's own keys, also as `insource dataset export` flattens them for Hugging Face."""


def _flat_provenance(record: Record) -> dict[str, Any]:
    """Return who vouched for a row of an export, so that a teacher's answer stays one."""
    flat = {key: record[key] for key in _FLAT if record.get(key) is not None}
    flat |= {key: opened(flat[key]) for key in _LISTS if key in flat}
    return {**teacher_of(str(record.get("teacher") or "")), "label": record[_EXPORTED], **flat}


def teacher_of(name: str) -> dict[str, Any]:
    """Return the provenance of labels that the model ``provider/model`` gave; nothing without a name."""
    provider, _, model = name.partition("/")
    return (
        {"label": "teacher", "provider": provider if model else "", "model": model or provider}
        if name
        else {}
    )


def chat(conversations: Conversations) -> Shape:
    """OpenAI's chat examples and preference pairs; of several trained answers, the last one counts."""
    kept = frozenset({*KEYS, "messages", "system", "preferred_output", "non_preferred_output"})
    return Shape("chat", lambda record: _from_chat(record, conversations), kept)


def completion(conversations: Conversations) -> Shape:
    """``prompt`` and ``completion``, each a text or a list of messages."""

    def convert(record: Record) -> Record:
        prompt, answer = record.get("prompt"), record.get("completion")
        others = {key: value for key, value in record.items() if key not in ("prompt", "completion")}
        if not isinstance(prompt, list):
            text = answer if isinstance(answer, str | None) else _last_answer(answer)
            return {**others, "input": prompt, "output": text}
        said = answer if isinstance(answer, list) else [{"role": "assistant", "content": answer}]
        return _from_chat({**others, "messages": [*prompt, *said]}, conversations)

    return Shape("completion", convert, frozenset({*KEYS, "completion"}))


def _from_chat(record: Record, conversations: Conversations) -> Record:
    messages = record.get("messages")
    if "preferred_output" in record:
        outer, preferred = record.get("input"), record["preferred_output"]
        before = outer.get("messages") if isinstance(outer, dict) else None
        messages = None
        if isinstance(before, list) and isinstance(preferred, list):
            messages = [*before, *preferred]
    if not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
        raise BadRow("missing-input", "`messages` is not a list of messages")
    answers = [place for place, one in enumerate(messages) if one.get("role") in ("assistant", "model")]
    trained = [place for place in answers if messages[place].get("weight") != 0]
    if answers and not trained:
        raise BadRow("weight-zero", "every answer has weight 0: none is to be learned")
    if not answers:
        raise BadRow("missing-output", "no message of the assistant, so there is no answer")
    last = trained[-1]
    request = {"messages": messages[:last], **({"system": record["system"]} if "system" in record else {})}
    found = asked(request, conversations)
    kept = {key: record[key] for key in KEYS if key in record and key not in ("input", "prompt")}
    return {**kept, "input": found.input, "output": _answer(messages[last]), "prompt": found.prompt}


def _answer(message: Mapping[str, Any]) -> str:
    text = content_text(message.get("content"))
    calls = message.get("tool_calls") or message.get("function_call")
    if not text.strip() and calls:
        raise BadRow("tool-calls", "the answer is a call of a tool, not text")
    return text


def _last_answer(messages: Any) -> str:
    if not isinstance(messages, list) or not messages or not isinstance(messages[-1], dict):
        raise BadRow("wrong-type", f"`completion` is {kind_of(messages)}, not text or a list of messages")
    return _answer(messages[-1])


def _names(column: str | tuple[str, ...]) -> tuple[str, ...]:
    return (column,) if isinstance(column, str) else column


def _filled(record: Record, path: str) -> Any:
    value = value_at(record, path)
    return None if value is MISSING or value == "" else value


def _joined(record: Record, column: str | tuple[str, ...]) -> Any:
    if isinstance(column, str):
        return _filled(record, column)
    found = ((name, _filled(record, name)) for name in column)
    lines = [f"{name}: {value}" for name, value in found if value is not None]
    return "\n".join(lines) or None


def _output(record: Record, column: str | tuple[str, ...]) -> Any:
    if not isinstance(column, str):
        found = {name: opened(_filled(record, name)) for name in column if _is_there(record, name)}
        return found if any(value is not None for value in found.values()) else None
    value = _filled(record, column)
    # A class is a label however the column stores it: 3, true.
    return value if isinstance(value, str | dict | list | None) else str(value)


def _is_there(record: Record, path: str) -> bool:
    return value_at(record, path) is not MISSING
