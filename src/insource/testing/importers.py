"""``check_importer``: check the rules that every importer must satisfy, on a sample of its format.

Requires hypothesis (``pip install hypothesis``).
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from insource.formats.containers import records
from insource.formats.values import BadRecord
from insource.logs.importers.load import prepared
from insource.logs.importers.protocol import UNEXPECTED, Imported, Importer, ReadOutcome, Rejected, Skipped
from insource.redaction import redact
from insource.types import Call

_RECEIVED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_SECRET = "sk-" + "Zk9Qw3Rt7Yp1" * 3
_BROKEN = b'{"broken": [1, 2'
_HOSTILE_TEXT = ("", "NaN", "\x1b[2J\u202e", "-1", "1e999", "{", '{"a": ', "2026-13-45", "9" * 400)


def check_importer(importer: Importer, sample: bytes, *, examples: int = 200) -> None:
    """Check an importer on a sample file in which every record is a call.

    The rules: no value is lost; reading twice gives the same calls; calls are in the order of the file; a bad
    record does not affect the others; secrets can be redacted; what a model said is read as it was said,
    whatever it looks like, and decides nothing else; no input raises an exception.

    Args:
        importer: The importer to check.
        sample: The content of a file in its format (JSON Lines, a JSON list, CSV or Parquet), with at least
            two records.
        examples: Number of damaged variants of the sample to try.

    Raises:
        AssertionError: A rule does not hold. The message says which one.
    """
    outcomes = read(importer, sample)
    calls = [outcome.call for outcome in outcomes if isinstance(outcome, Imported)]
    others = [outcome for outcome in outcomes if not isinstance(outcome, Imported)]
    assert not others, f"a record of the sample is not imported: {others[0]}"
    assert len(calls) >= 2, "the sample holds fewer than two calls"
    _recognised(importer, sample)
    _lossless(sample, outcomes)
    _idempotent(importer, sample, outcomes, calls)
    _isolates_bad_records(importer, sample, calls)
    _redacted(importer, sample)
    _takes_answers_as_said(importer, sample, examples)
    _never_raises(importer, sample, examples)


def check_answer(importer: Importer, document: dict[str, Any], answer: str) -> bool:
    """Check that an answer in the place of a record's own answers is read as it is, and changes nothing else.

    Args:
        importer: The importer to check.
        document: A record of its format.
        answer: A text; JSON that looks like a message or a response of a provider is one, too.

    Returns:
        Whether there was a place: the text of an answer as a text of the record, or of JSON in a text.

    Raises:
        AssertionError: The answer is read as something else.
    """
    before = _calls(importer, document)
    texts = {call.response_text for call in before} - {""}
    changed = _with_answer(document, texts, answer)
    if changed == document:
        return False
    after = _calls(importer, changed)
    assert len(after) == len(before), f"the answer {answer!r} gives {len(after)} calls, not {len(before)}"
    for was, call in zip(before, after, strict=True):
        if was.response_text:
            assert call.response_text == answer, f"the answer {answer!r} is read as {call.response_text!r}"
        other = {name for name, value in _aside(was).items() if _aside(call)[name] != value}
        assert not other, f"the answer {answer!r} changes {', '.join(sorted(other))}"
    return True


def read(importer: Importer, data: bytes) -> list[ReadOutcome]:
    """Return every outcome of the importer for these bytes."""
    return list(importer.read(io.BytesIO(data), received_at=_RECEIVED))


def _recognised(importer: Importer, sample: bytes) -> None:
    for line, record in records(io.BytesIO(sample)):
        assert not isinstance(record, BadRecord), f"line {line} of the sample is unreadable: {record}"
        assert importer.recognise(record), f"the importer does not recognise line {line} of its own format"


def _lossless(sample: bytes, outcomes: list[ReadOutcome]) -> None:
    """Check that the calls of a record contain each of its values under the value's own name."""
    kept: dict[int, set[tuple[str, str]]] = {}
    for outcome in outcomes:
        assert isinstance(outcome, Imported)
        kept.setdefault(outcome.line, set()).update(_leaves(outcome.call.model_dump(mode="json")))
    for line, record in records(io.BytesIO(sample)):
        lost = set(_leaves(record)) - kept.get(line, set())
        assert not lost, f"line {line}: not kept: {sorted(lost)[:3]}"


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, key)
    elif isinstance(value, list) and value:
        for item in value:
            yield from _leaves(item, name)
    else:
        yield name, repr(value)


def _idempotent(importer: Importer, sample: bytes, outcomes: list[ReadOutcome], calls: list[Call]) -> None:
    assert read(importer, sample) == outcomes, "reading the same bytes twice gives different calls"
    ids = [call.call_id for call in calls]
    assert len(set(ids)) == len(ids), "two records of the sample have the same call id"
    lines = [outcome.line for outcome in outcomes]
    assert lines == sorted(lines), "the calls are not in the order of the file"
    for ending in (match.end() for match in re.finditer(rb"\n", sample)):
        begun = [one.call.call_id for one in read(importer, sample[:ending]) if isinstance(one, Imported)]
        assert begun == ids[: len(begun)], (
            "appending records to a file changes the ids of the records before them"
        )


def _isolates_bad_records(importer: Importer, sample: bytes, calls: list[Call]) -> None:
    damaged = _with_a_bad_record(sample)
    if damaged is None:
        return
    outcomes = read(importer, damaged)
    rejected = [one for one in outcomes if isinstance(one, Rejected)]
    assert len(rejected) == 1, f"one bad record gives {len(rejected)} rejections"
    assert rejected[0].reason, "a bad record is rejected without a reason"
    found = [one.call for one in outcomes if isinstance(one, Imported)]
    assert [_content(call) for call in found] == [_content(call) for call in calls], (
        "a bad record changes the calls around it"
    )


def _with_a_bad_record(sample: bytes) -> bytes | None:
    """Return the sample with an unreadable record in it, or None for Parquet and for a single document."""
    stripped = sample.lstrip()
    if stripped.startswith(b"["):
        return stripped.replace(b"[", b'[{"broken": },', 1)
    first, newline, rest = sample.partition(b"\n")
    if not newline or sample.startswith(b"PAR1") or first.rstrip().endswith((b"{", b"[", b",")):
        return None
    return first + newline + (_BROKEN if first.startswith(b"{") else b"broken") + b"\n" + rest


def _content(call: Call) -> dict[str, Any]:
    return call.model_dump(mode="json")


def _redacted(importer: Importer, sample: bytes) -> None:
    """Check that a secret planted anywhere in a record reaches no stored call and no reason."""
    document = next((record for _, record in records(io.BytesIO(sample)) if isinstance(record, dict)), None)
    assert document is not None
    for planted in _planted(document):
        data = json.dumps(planted).encode() + b"\n"
        for outcome in read(importer, data):
            written = prepared(outcome.call, redact=redact) if isinstance(outcome, Imported) else None
            text = written.model_dump_json() if written else str(redact(_reason(outcome)))
            assert _SECRET not in text, f"a secret is not redacted: {text[:300]}"


def _reason(outcome: ReadOutcome) -> str:
    return outcome.reason if isinstance(outcome, Rejected | Skipped) else ""


def _planted(value: Any) -> Iterator[Any]:
    """Yield copies of the value, each with a secret in one of its texts or names."""
    if isinstance(value, str):
        yield f"{value} {_SECRET}"
        yield _SECRET
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from ({**value, key: changed} for changed in _planted(item))
        yield {**value, _SECRET: "x"}
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from ([*value[:index], changed, *value[index + 1 :]] for changed in _planted(item))


def _calls(importer: Importer, document: dict[str, Any]) -> list[Call]:
    outcomes = read(importer, json.dumps(document).encode() + b"\n")
    return [outcome.call for outcome in outcomes if isinstance(outcome, Imported)]


def _aside(call: Call) -> dict[str, Any]:
    """Return what an answer must not change."""
    return call.model_dump(exclude={"call_id", "request", "response", "response_text", "raw"})


def _with_answer(value: Any, texts: set[str], answer: str) -> Any:
    """Return the value with these texts replaced, also in JSON that is kept as text."""
    if isinstance(value, str):
        return answer if value in texts else _opened_with_answer(value, texts, answer)
    if isinstance(value, dict):
        return {key: _with_answer(item, texts, answer) for key, item in value.items()}
    return [_with_answer(item, texts, answer) for item in value] if isinstance(value, list) else value


def _opened_with_answer(text: str, texts: set[str], answer: str) -> str:
    if not text.startswith(("{", "[")):
        return text
    try:
        inside = json.loads(text)
    except ValueError:
        return text
    changed = _with_answer(inside, texts, answer)
    return text if changed == inside else json.dumps(changed)


def answers() -> Any:
    """Return a hypothesis strategy of answers: JSON, also JSON that looks like a message or a response."""
    from hypothesis import strategies as st

    texts = st.text(min_size=1, max_size=8)
    scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    values = st.recursive(
        scalars | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=6,
    )
    alike = st.builds(lambda wrap, value: wrap(value), st.sampled_from((*MESSAGES, *DOCUMENTS)), values)
    return st.builds(json.dumps, values | alike, ensure_ascii=st.booleans(), indent=st.none() | st.just(1))


# JSON that a model may say and that looks like what carries an answer: a message, a part of one, an error;
MESSAGES: tuple[Callable[[Any], Any], ...] = (
    lambda value: {"error": value},
    lambda value: {"error": {"message": str(value), "type": "overloaded_error"}},
    lambda value: {"role": value, "name": "Anna"},
    lambda value: {"role": "assistant", "content": value},
    lambda value: [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": value}],
    lambda value: {"role": "assistant", "parts": [{"type": "text", "content": value}]},
    lambda value: [{"type": "text", "text": value}],
    lambda value: {"text": value, "finishReason": "stop"},
    lambda value: {"choices": [value]},
    lambda value: {"output": [value], "usage": {"prompt_tokens": 1}, "model": "m", "id": "1"},
    lambda value: {"index": 0, "message": {"content": value}, "event.name": "gen_ai.choice"},
)
# or a provider's whole document, which may have keys that we do not know.
DOCUMENTS: tuple[Callable[[Any], Any], ...] = (
    lambda value: {"object": "chat.completion", "choices": [{"index": 0, "message": {"content": value}}]},
    lambda value: {"type": "message", "role": "assistant", "content": [{"type": "text", "text": value}]},
    lambda value: {"object": "response", "output": [{"type": "message", "content": value}]},
    lambda value: {"candidates": [{"content": {"parts": [{"text": value}]}}]},
    lambda value: {"output": {"message": {"content": [{"text": value}]}}, "stopReason": "end_turn"},
    lambda value: {"model": "m", "message": {"content": value}, "done": True},
    lambda value: {"finish_reason": "length", "message": {"content": [value]}},
)


def _takes_answers_as_said(importer: Importer, sample: bytes, examples: int) -> None:
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st

    documents = [record for _, record in records(io.BytesIO(sample)) if isinstance(record, dict)]

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    @given(document=st.sampled_from(documents), answer=answers())
    def said(document: dict[str, Any], answer: str) -> None:
        check_answer(importer, document, answer)

    said()


def _never_raises(importer: Importer, sample: bytes, examples: int) -> None:
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st

    documents = [record for _, record in records(io.BytesIO(sample)) if isinstance(record, dict)]
    scalars = (
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.sampled_from(_HOSTILE_TEXT)
        | st.text(max_size=20)
    )
    values = st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    )
    cut = st.integers(0, len(sample))
    rules = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )

    @rules
    @given(start=cut, end=cut, junk=st.binary(max_size=20))
    def torn(start: int, end: int, junk: bytes) -> None:
        _storable(importer, sample[:start] + junk + sample[end:])

    @rules
    @given(st.data())
    def altered(data: Any) -> None:
        document = data.draw(st.sampled_from(documents))
        paths = list(_paths(document))
        changed = document
        for path in data.draw(st.lists(st.sampled_from(paths), min_size=1, max_size=3)):
            changed = _replaced(changed, path, data.draw(values))
        _storable(importer, json.dumps(changed).encode() + b"\n")

    torn()
    altered()


def _paths(value: Any) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield (key,)
        yield from ((key, *path) for path in _paths(item))


def _replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    key, *rest = path
    if isinstance(value, dict) and key in value:
        return {**value, key: _replaced(value[key], tuple(rest), new)}
    if isinstance(value, list) and isinstance(key, int) and key < len(value):
        return [*value[:key], _replaced(value[key], tuple(rest), new), *value[key + 1 :]]
    return value


def _storable(importer: Importer, data: bytes) -> None:
    for outcome in read(importer, data):
        if isinstance(outcome, Imported):
            call = Call.model_validate_json(outcome.call.model_dump_json())
            json.dumps(call.raw, ensure_ascii=False, allow_nan=False).encode()
        else:
            assert not outcome.reason.startswith(UNEXPECTED), f"{outcome.reason}: {data[:300]!r}"
