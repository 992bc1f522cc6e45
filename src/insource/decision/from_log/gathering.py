"""Gather the facts of every call in one pass over the log: numbers and digests by task, no texts."""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from insource.contract.infer import MAX_LABEL_LENGTH
from insource.decision.from_log.closed_fields import ClosedFields
from insource.decision.from_log.figures import DAY_US, Span
from insource.decision.from_log.reading import ReadCall, read_calls
from insource.decision.from_log.tasks import LoggedTask, LoggedTasks
from insource.logs.discovery.evidence import parsed
from insource.logs.discovery.templates import Template
from insource.logs.importers.batches import BATCH_TAG
from insource.similarity.near_duplicates import NearDuplicates, find_near_duplicates
from insource.similarity.normal_text import normalised
from insource.store.database import Database

UNKNOWN = -1
NO_TEXT = "the log has no text of these calls"
NO_PROMPT = "no prompt is common to ten calls"
OUTCOMES = ("ok", "error", "interrupted", "unread")
_COLUMNS = {
    **dict.fromkeys(("started", "cost", "input", "cached", "output"), "q"),
    **dict.fromkeys(("outcome", "streamed", "batched", "estimated", "usable"), "b"),
    **dict.fromkeys(("latency", "first_token"), "d"),
    **dict.fromkeys(("prompt", "model", "form", "fixed", "characters", "place"), "q"),
    **dict.fromkeys(("request", "question", "said"), "Q"),
}
"""What is kept of each call; whole numbers are ``UNKNOWN`` and times NaN where the log does not have them.

``prompt``, ``model`` and ``form`` count from 0 in the task; ``fixed`` and ``characters`` are of its prompt;
``place`` is that of its document among all that are compared; ``request``, ``question`` and ``said`` are
digests of the request, of the document in it, and of the answer.
"""


class Gathered:
    """The calls of one task. ``finish`` makes ``columns`` of them, one array a fact."""

    def __init__(self, task: LoggedTask) -> None:
        self.task = task
        self.call_ids: list[str] = []
        self.columns: dict[str, NDArray[Any]] = {}
        self.prompts: list[Template | None] = []
        self.models: list[str] = []
        self.providers: Counter[str] = Counter()
        self.forms: list[tuple[str, ...]] = []
        self.closed = ClosedFields()
        self.priced_by: Counter[str] = Counter()
        self.unpriced: Counter[str] = Counter()
        self.currencies: Counter[str] = Counter()
        self._kept = {name: array(kind) for name, kind in _COLUMNS.items()}
        self._numbers: dict[str, dict[Any, int]] = {"prompt": {}, "model": {}, "form": {}}

    def __len__(self) -> int:
        return len(self.call_ids)

    @property
    def days(self) -> NDArray[np.int64]:
        """The day of each call since the epoch, in UTC."""
        return np.asarray(self.columns["started"] // DAY_US, np.int64)

    def known(self, name: str) -> NDArray[np.bool_]:
        """Return for each call whether the log has this fact."""
        column = self.columns[name]
        return ~np.isnan(column) if column.dtype.kind == "f" else np.asarray(column != UNKNOWN)

    def add(self, call: ReadCall, template: Template | None, place: int, document: str) -> None:
        """Keep the facts of one call."""
        row = call.row
        answer = call.answer() if call.answered else ""
        form, said, value = read_form(answer)
        usable = call.answered and bool(answer.strip()) and row.finish_reason in ("stop", "unknown")
        if usable and value is not None:
            self.closed.observe(value)
        fixed, characters = _constant(call, template)
        facts = {
            "started": row.started_at,
            "cost": UNKNOWN if call.cost_nano_usd is None else call.cost_nano_usd,
            "input": UNKNOWN if row.input_tokens is None else row.input_tokens,
            "cached": UNKNOWN if row.cached_tokens is None else row.cached_tokens,
            "output": UNKNOWN if row.output_tokens is None else row.output_tokens,
            "outcome": OUTCOMES.index(row.outcome),
            "streamed": row.streamed,
            "estimated": row.usage_estimated,
            "batched": BATCH_TAG.items() <= call.payload.tags.items(),
            "usable": usable,
            "latency": np.nan if row.latency_s is None else row.latency_s,
            "first_token": np.nan if row.first_token_s is None else row.first_token_s,
            "prompt": self._number("prompt", template and template.fingerprint, self.prompts, template),
            "model": self._number("model", row.model, self.models, row.model),
            "form": self._number("form", form, self.forms, form),
            "fixed": fixed,
            "characters": characters,
            "place": place,
            "request": _digest(call.question()) if call.prompt is not None else 0,
            "question": _digest(_question(call, document).encode("utf-8", "surrogatepass")),
            "said": _digest(said.encode("utf-8", "surrogatepass")),
        }
        for name, column in self._kept.items():
            column.append(facts[name])
        self.call_ids.append(row.call_id)
        self._note_price(call)

    def finish(self) -> Gathered:
        """Make the columns."""
        self.columns = {name: np.array(column) for name, column in self._kept.items()}
        self._kept.clear()
        return self

    def _number(self, name: str, key: Any, listed: list[Any], value: Any) -> int:
        numbers = self._numbers[name]
        if key not in numbers:
            numbers[key] = len(numbers)
            listed.append(value)
        return numbers[key]

    def _note_price(self, call: ReadCall) -> None:
        row, tags = call.row, call.payload.tags
        self.providers[row.provider] += 1
        if call.cost_nano_usd is not None:
            self.priced_by[row.priced_by] += 1
            self.currencies[tags.get("currency", "USD").strip().upper() or "USD"] += 1
        elif row.outcome != "error":
            negative = row.cost_nano_usd is not None
            why = "the recorded cost is negative" if negative else call.payload.unpriced_because
            self.unpriced[why or "no reason is recorded"] += 1


class Pass(NamedTuple):
    """What one pass over the log gives."""

    tasks: tuple[Gathered, ...]
    repeats: NearDuplicates
    span: Span
    calls: int
    scattered: int
    without_text: int
    passed_over: dict[str, int]
    cost_nano_usd: int | None


def gather(database: Database, tasks: LoggedTasks, since: datetime | None, seed: int) -> Pass:
    """Read the log once: gather each task's calls, and compare the documents of all of them.

    Raises:
        InsourceError: the store's failures.
    """
    reader = _Reader(tasks)
    repeats = find_near_duplicates(reader.documents(database, since), kinds=reader.kinds, seed=seed)
    gathered = tuple(one.finish() for one in reader.gathered.values() if len(one))
    return Pass(
        tasks=gathered,
        repeats=repeats,
        span=Span(reader.first, reader.last),
        calls=reader.calls,
        scattered=reader.scattered,
        without_text=reader.without_text,
        passed_over=dict(reader.passed_over),
        cost_nano_usd=reader.cost_nano_usd,
    )


class _Reader:
    """The pass itself: yields each document while it keeps the facts of its call."""

    def __init__(self, tasks: LoggedTasks) -> None:
        self._tasks = tasks
        self.gathered = {task.name: Gathered(task) for task in tasks.tasks}
        self.kinds: list[int] = []
        self.passed_over: Counter[str] = Counter()
        self.calls = self.scattered = self.without_text = 0
        self.first = self.last = 0
        self.cost_nano_usd: int | None = None

    def documents(self, database: Database, since: datetime | None) -> Iterator[str]:
        kinds = {name: number for number, name in enumerate(self.gathered)}
        for call in read_calls(database, since, self.passed_over):
            self._count(call)
            name, template = self._tasks.of(call.row.task, call.prompt)
            if name is None:
                self.scattered += call.prompt is not None
                self.without_text += call.prompt is None
                continue
            document = document_of(call, template)
            place = len(self.kinds) if call.prompt is not None else UNKNOWN
            self.gathered[name].add(call, template, place, document)
            if call.prompt is not None:
                self.kinds.append(kinds[name])
                yield document

    def _count(self, call: ReadCall) -> None:
        self.calls += 1
        self.first = self.first or call.row.started_at
        self.last = call.row.started_at
        if call.cost_nano_usd is not None:
            self.cost_nano_usd = (self.cost_nano_usd or 0) + call.cost_nano_usd


def document_of(call: ReadCall, template: Template | None) -> str:
    """Return what changes from call to call: the slots of the prompt, or the whole prompt without one."""
    if call.prompt is None:
        return ""
    return call.prompt.text if template is None else template.variable(call.prompt.text)


def read_form(answer: str) -> tuple[tuple[str, ...], str, dict[str, Any] | str | None]:
    """Return the form of an answer, the answer in one spelling, and its value: an object or a short text.

    The form is the keys of an object, ``[]`` before those of a list's objects, the text of a short answer
    after ``=``, and empty for free text. The value is None for lists and free text.
    """
    document = parsed(answer)
    if isinstance(document, dict):
        return tuple(sorted(map(str, document))), _spelled(document), document
    if isinstance(document, list):
        keys = {str(key) for item in document if isinstance(item, dict) for key in item}
        return ("[]", *sorted(keys)), _spelled(document), None
    text = normalised(answer)
    if text and len(text) <= MAX_LABEL_LENGTH:
        return ("=", label_in(text)), text, label_in(text)
    return (), text, None


def label_in(text: str) -> str:
    """Return a label in one spelling, without what models put around it."""
    return normalised(text).strip(" .!\"'`")


def _spelled(document: Any) -> str:
    return json.dumps(document, sort_keys=True)


def _question(call: ReadCall, document: str) -> str:
    """Return the document in one spelling; of one whose middle discovery leaves out, with its length."""
    said, _ = call.characters()
    whole = call.prompt is not None and said <= len(call.prompt.text)
    return normalised(document) + ("" if whole else f" {said}")


def _constant(call: ReadCall, template: Template | None) -> tuple[int, int]:
    """Return the characters of a prompt that are the same in every call, and all of them."""
    said, beside = call.characters()
    return (0 if template is None else _fixed(template)) + beside, said + beside


@lru_cache(maxsize=4096)
def _fixed(template: Template) -> int:
    return sum(len(said.strip()) for _, said in template.said())


def _digest(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")
