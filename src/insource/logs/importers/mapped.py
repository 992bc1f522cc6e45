"""Import any table: a mapping assigns a column or dotted path to each field of a call.

name = "helpdesk"          # the source: calls come from import:helpdesk

[call]
id = "ticket_id"
started_at = "created"
model_asked = "llm.model"
input = "prompt"
output = "completion"

[constant]
task = "routing"

[tags]
team = "customer.team"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from insource.formats.paths import MISSING, has_value_at, value_at
from insource.formats.values import (
    BadRecord,
    between,
    count,
    dollars,
    moment,
    obj,
    opened,
    seconds,
    shown,
    text,
)
from insource.foundation.errors import ConfigError
from insource.logs.importers.answers import Answer, finish_reason
from insource.logs.importers.documents import read_body, read_document, read_said
from insource.logs.importers.exchanges import created
from insource.logs.importers.messages import spelled
from insource.logs.importers.protocol import CallDraft, RecordImporter
from insource.types import Frozen, Usage
from insource.types.call import Outcome

_TEXTS = (
    "task",
    "feature",
    "prompt_version",
    "user",
    "provider",
    "endpoint",
    "model_asked",
    "model_answered",
    "error",
)
_COUNTS = tuple(Usage.model_fields)
_CONTENT = ("request", "messages", "system", "input", "response", "output")
_TIMES = ("started_at", "ended_at")
_DURATIONS = ("latency_s", "latency_ms", "first_token_s", "first_token_ms")
_OTHERS = ("id", "status", "outcome", "finish_reason", "streamed", "cost_usd")
FIELDS = (*_OTHERS, *_TIMES, *_TEXTS, *_CONTENT, *_COUNTS, *_DURATIONS)

_YES, _NO = ("true", "1", "yes", "t"), ("false", "0", "no", "f", "")
_HINT = "docs/guides/import-logs.md has an example and every field."


class TableMapping(Frozen):
    """A mapping file: paths of fields, constant fields, and paths of tags."""

    name: str
    call: dict[str, str]
    constant: dict[str, str] = {}
    tags: dict[str, str] = {}


def read_mapping(path: Path) -> TableMapping:
    """Read the mapping in a TOML file.

    Raises:
        ConfigError: ``mapping-invalid``, with the problems and the nearest field name.
    """
    try:
        mapping = TableMapping(**tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            "mapping-invalid", f"The mapping {path} cannot be read: {error}", hint=_HINT
        ) from error
    except ValidationError as error:
        lines = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise ConfigError(
            "mapping-invalid", f"The mapping {path} is invalid.", details=tuple(lines), hint=_HINT
        ) from error
    wrong = [_unknown(name, FIELDS) for name in mapping.call if name not in FIELDS]
    wrong += [_unknown(name, _TEXTS) for name in mapping.constant if name not in _TEXTS]
    wrong += [
        f"{name}: must not be in both [call] and [constant]"
        for name in mapping.constant
        if name in mapping.call
    ]
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,40}", mapping.name):
        wrong.append(f"name: {mapping.name!r} may have only lower-case letters, digits, - and _")
    if wrong:
        raise ConfigError(
            "mapping-invalid", f"The mapping {path} has wrong fields.", details=tuple(wrong), hint=_HINT
        )
    return mapping


def _unknown(name: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(name, known, 1)
    return f"{name}: no such field" + (f"; did you mean {near[0]}?" if near else "")


def paths_without_a_value(mapping: TableMapping, sample: list[dict[str, Any]]) -> list[str]:
    """Return the mapped paths that no record has, most often misspelled columns."""
    named = {f"call.{name}": path for name, path in mapping.call.items()}
    named |= {f"tags.{name}": path for name, path in mapping.tags.items()}
    return [
        f"{name} = {path!r}"
        for name, path in named.items()
        if not any(has_value_at(record, path) for record in sample)
    ]


def mapped(mapping: TableMapping) -> RecordImporter:
    """Return the importer for this mapping."""
    return RecordImporter(
        mapping.name,
        "A table of your own, with a mapping",
        recognise=lambda record: (
            "" if paths_without_a_value(mapping, [dict(record)]) else "every mapped path"
        ),
        convert=lambda record: _convert(mapping, record),
    )


def _convert(mapping: TableMapping, record: dict[str, Any]) -> Iterator[CallDraft]:
    found = {name: value_at(record, path) for name, path in mapping.call.items()}
    found = {name: value for name, value in found.items() if value not in (MISSING, None, "")}
    answer = _answer(found.get("response"), apart="output" in mapping.call)
    started, ended = moment(found.get("started_at")), moment(found.get("ended_at"))
    latency = _duration(found, "latency")
    if latency is None:
        latency = between(started, ended)
    if started is None and ended is not None:
        started = ended - timedelta(seconds=min(latency or 0, 86400))
    status = _number(found, "status", count)
    cost = _number(found, "cost_usd", dollars)
    texts = {name: text(found[name]) for name in _TEXTS if name in found} | mapping.constant
    fields = {
        **answer.fields(),
        "model_asked": answer.model,
        **texts,
        "started_at": started or moment(created(answer)),
        "request": _request(found, texts.get("model_asked", "")),
        "usage": answer.usage.model_copy(
            update={name: _number(found, name, count) for name in _COUNTS if name in found}
        ),
        "status": status,
        "cost_usd": cost,
        "priced_by": mapping.name if cost is not None else "",
        "latency_s": latency,
        "first_token_s": _duration(found, "first_token"),
        "streamed": _yes(found["streamed"]) if "streamed" in found else answer.streamed,
        "outcome": _outcome(found, status, texts.get("error", "")),
        "tags": {
            name: text(value) for name, path in mapping.tags.items() if text(value := value_at(record, path))
        },
    }
    if "output" in found:
        fields["response_text"] = spelled(found["output"])
    if "finish_reason" in found:
        fields["finish_reason"] = finish_reason(found["finish_reason"])
    yield CallDraft(fields, own_id=text(found.get("id")))


def _answer(response: Any, *, apart: bool) -> Answer:
    """Read a response. In the cell of a table, a document is text.

    What is no document of a provider is what the model said, unless the mapping says that the text is
    ``apart``.
    """
    document = opened(response)
    if apart:
        return read_body(document if isinstance(document, dict) else response)
    if isinstance(response, str) and isinstance(document, dict):
        return read_document(document) or Answer(text=response)
    return read_said(response)


def _request(found: Mapping[str, Any], model: str) -> dict[str, Any]:
    """Return the request as sent, else one built from messages or an input text."""
    request = obj(found.get("request"))
    if request:
        return request
    messages = opened(found.get("messages"))
    if not isinstance(messages, list):
        asked = found.get("input")
        said = asked if isinstance(asked, str) else None if asked is None else spelled(asked)
        messages = [] if said is None else [{"role": "user", "content": said}]
    if system := text(found.get("system")):
        messages = [{"role": "system", "content": system}, *messages]
    if not messages:
        return {}
    return {**({"model": model} if model else {}), "messages": messages}


def _number(found: Mapping[str, Any], name: str, read: Callable[[Any], Any]) -> Any:
    """Return the number under this name, or None if it is absent.

    Raises:
        BadRecord: the value is not such a number, so the field was mapped by mistake.
    """
    if name not in found:
        return None
    number = read(found[name])
    if number is None:
        raise BadRecord(f"{name}: {shown(found[name])} is not a valid number here")
    return number


def _duration(found: Mapping[str, Any], name: str) -> float | None:
    whole = _number(found, f"{name}_s", seconds)
    thousandths = _number(found, f"{name}_ms", seconds)
    if whole is not None or thousandths is None:
        return None if whole is None else float(whole)
    return float(thousandths) / 1000


def _yes(value: Any) -> bool:
    spelled = str(value).strip().lower()
    if spelled not in (*_YES, *_NO):
        raise BadRecord(f"streamed: {shown(value)} is neither true nor false")
    return spelled in _YES


def _outcome(found: Mapping[str, Any], status: int | None, error: str) -> Outcome:
    if "outcome" in found:
        told = text(found["outcome"])
        for outcome in get_args(Outcome):
            if told == outcome:
                return outcome  # type: ignore[no-any-return] # get_args is not typed
        raise BadRecord(f"outcome: {shown(told)} is not one of {', '.join(get_args(Outcome))}")
    return "error" if error or (status is not None and status >= 400) else "ok"
