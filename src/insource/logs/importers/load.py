"""Import calls into the store: redacted, priced, in batches. Repeated imports add nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import select

from insource.logs.importers.batches import BATCH_TAG
from insource.logs.importers.protocol import Imported, ReadOutcome, Rejected, Skipped
from insource.providers.billing import billing_of
from insource.providers.prices import Priced, PriceTable, first_priced
from insource.store.calls.calls import insert_calls
from insource.store.calls.table import CALLS
from insource.store.calls.versions import UNFINISHED, replace_unfinished, unfinished_among
from insource.store.database import Database
from insource.types import Call

Redact = Callable[[Any], Any]
CallPricer = Callable[[Call], Priced]

SHOWN = 20
_BATCH, _BATCH_CHARACTERS = 500, 16 << 20  # the first limit reached ends a batch: records may be large
_FAILED, _METADATA_ONLY = {"redaction": "failed"}, {"redaction": "metadata-only"}
# Labels may contain content, so they are redacted too; ids, times, numbers and enumerations are not.
_LABELS = ("task", "feature", "prompt_version", "provider", "endpoint", "model_asked", "model_answered")
_SAID = ("user", "tags", "request", "response", "response_text", "error", "raw")


@dataclass
class ImportReport:
    """The counts of an import.

    ``new`` calls were stored; ``completed`` calls were stored while under way, and a later version of their
    record replaced them; ``known`` calls were already stored or had been purged. ``rejected`` records
    could not be read; the first twenty are in ``shown``. ``skipped`` counts records that are not calls, by
    reason.
    """

    new: int = 0
    completed: int = 0
    known: int = 0
    rejected: int = 0
    shown: list[Rejected] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)

    @property
    def calls(self) -> int:
        return self.new + self.completed + self.known


def load(
    database: Database,
    outcomes: Iterable[ReadOutcome],
    *,
    redact: Redact,
    keeps_content: Callable[[str], bool] = lambda task: True,
    task: str = "",
    prices: PriceTable | None = None,
    on_rejected: Callable[[Rejected], None] = lambda rejected: None,
    progress: Callable[[int], None] = lambda line: None,
) -> ImportReport:
    """Store the calls that an importer reads. A call that is already stored is not changed, except that a
    later version of its record replaces one that was still under way.

    Each batch of up to 500 records is one transaction, so repeating an interrupted import continues where it
    stopped. Content is redacted before it is written; if that fails, only metadata is written.

    Args:
        redact: takes a JSON value and returns it redacted.
        keeps_content: whether content of this task is stored, or only metadata.
        task: the task of every call, overriding its record.
        prices: prices calls whose records have no cost; None leaves their cost unknown.
        on_rejected: called with every record that could not be read.
        progress: called after each batch with the line reached.

    Raises:
        InsourceError: as ``Database.write``.
    """
    report = ImportReport()
    prepare = partial(prepared, redact=redact, keeps_content=keeps_content, price=_pricer(prices))
    for batch in _batches(outcomes):
        found = [outcome.call for outcome in batch if isinstance(outcome, Imported)]
        final, waiting = _stored(database, found)  # checked first, because redaction is the slowest step
        calls = [
            prepare(call, task=task or call.task or waiting.get(call.call_id, ""))
            for call in _latest(found)
            if call.call_id not in final
        ]
        new = completed = 0
        if calls:
            with database.write() as connection:
                completed = replace_unfinished(connection, calls)
                new = insert_calls(connection, calls)
        report.new += new
        report.completed += completed
        report.known += len(found) - new - completed
        for outcome in batch:
            if isinstance(outcome, Rejected):
                rejected = Rejected(outcome.line, _reason(outcome, redact))
                report.rejected += 1
                if len(report.shown) < SHOWN:
                    report.shown.append(rejected)
                on_rejected(rejected)
            elif isinstance(outcome, Skipped):
                report.skipped[_reason(outcome, redact)] += 1
        progress(batch[-1].line)
    return report


def _batches(outcomes: Iterable[ReadOutcome]) -> Iterator[list[ReadOutcome]]:
    batch: list[ReadOutcome] = []
    characters = 0
    for outcome in outcomes:
        batch.append(outcome)
        characters += len(str(outcome.call.raw)) if isinstance(outcome, Imported) else 0
        if len(batch) == _BATCH or characters > _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _latest(calls: Sequence[Call]) -> Iterable[Call]:
    """Return each call once: its first version, or the first finished one if that was under way."""
    chosen: dict[str, Call] = {}
    for call in calls:
        earlier = chosen.setdefault(call.call_id, call)
        if earlier.outcome in UNFINISHED and call.outcome not in UNFINISHED:
            chosen[call.call_id] = call
    return chosen.values()


def _stored(database: Database, calls: Sequence[Call]) -> tuple[set[str], dict[str, str]]:
    """Return the ids of those that are stored and need no later version, and the tasks of those that do."""
    ids = [call.call_id for call in calls]
    with database.read() as connection:
        stored = set(connection.execute(select(CALLS.c.call_id).where(CALLS.c.call_id.in_(ids))).scalars())
        waiting = unfinished_among(connection, ids)
    return stored - waiting.keys(), waiting


def prepared(
    call: Call,
    *,
    redact: Redact,
    keeps_content: Callable[[str], bool] = lambda task: True,
    task: str = "",
    price: CallPricer | None = None,
) -> Call:
    """Return the call as it may be written: with its task, priced if possible, and redacted."""
    task = task or call.task
    priced = Priced(call.cost_usd, call.priced_by)
    if call.cost_usd is None and price is not None and call.outcome == "ok":
        priced = price(call)
    labels = {name: getattr(call, name) for name in _LABELS} | {"task": task}
    said = {name: getattr(call, name) for name in _SAID}
    written = _redacted(labels, redact, instead=dict.fromkeys(_LABELS, ""))
    if keeps_content(task):
        written |= _redacted(said, redact, instead=_without_content(call, _FAILED))
    else:
        written |= _without_content(call, _METADATA_ONLY)
    return call.model_copy(update={**written, **priced._asdict()})


def _redacted(fields: dict[str, Any], redact: Redact, *, instead: dict[str, Any]) -> dict[str, Any]:
    try:
        redacted: dict[str, Any] = redact(fields)
    except Exception:  # unredacted content must never reach the disk
        return instead
    return redacted


def _without_content(call: Call, why: dict[str, str]) -> dict[str, Any]:
    """Return the replacement of content, without any free text and without the user."""
    error = why["redaction"] if call.error else ""
    nothing: dict[str, Any] = {"user": "", "tags": {}, "response_text": "", "response": None}
    return {**nothing, "error": error, "request": why, "raw": why}


def _pricer(prices: PriceTable | None) -> CallPricer | None:
    if prices is None:
        return None

    def price(call: Call) -> Priced:
        billing = billing_of(call.response, batch=BATCH_TAG.items() <= call.tags.items())
        return first_priced(
            (call.model_answered, call.model_asked),
            lambda model: prices.price(
                model, call.usage, call.started_at, provider=call.provider, billing=billing
            ),
        )

    return price


def _reason(outcome: Rejected | Skipped, redact: Redact) -> str:
    """Return the redacted reason, because it may quote a value of the record."""
    told = _redacted(
        {"reason": outcome.reason}, redact, instead={"reason": "(the reason could not be redacted)"}
    )
    return str(told["reason"])
