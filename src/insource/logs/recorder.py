"""The recorder: every call is recorded before its answer is returned to the caller.

with Recorder.open(Path(".insource")) as recorder:
    recording = recorder.begin(request, model_asked="openai/gpt-4o-mini", task="specs")
    ...
    recording.end(response_text=answer, usage=usage)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Self, Unpack

from insource.foundation.clock import SYSTEM, Clock, from_microseconds, to_microseconds
from insource.foundation.ids import uuid7
from insource.logs.call_values import CallEnd, CallStart, EndFields, StartFields
from insource.logs.content import Content, Contents, redacted_increment
from insource.redaction import RedactedIncrements, Redactor, default_redactor
from insource.store.calls.versions import replace_unfinished
from insource.store.database import Database, open_database
from insource.store.removal.purge import Retained, retain
from insource.store.spool.drain import DrainReport, drain
from insource.store.spool.drain_process import DrainProcess
from insource.store.spool.writer import OnLogFailure, Spool
from insource.types import Call, Route, Usage

STORE_FILE = "insource.db"
SPOOL_FOLDER = "spool"


class Recorder:
    """Records calls into a spool, and moves them from there into the store. Thread-safe.

    ``begin`` and ``Recording.end`` take keywords and are the public form. ``begin_call`` and
    ``Recording.end_call``, which Insource itself uses, take one value each. ``damaged`` counts the records
    that drains of this recorder could not read.

    Examples:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from insource import Log, Recorder
        >>> with TemporaryDirectory() as folder:
        ...     with Recorder.open(Path(folder)) as recorder:
        ...         recording = recorder.begin({"messages": []}, model_asked="gpt-4o-mini", task="specs")
        ...         recording.end(response_text="480 V")
        ...     with Log(folder) as log:
        ...         [call.response_text for call in log.calls(task="specs")]
        ['480 V']
    """

    def __init__(
        self,
        spool: Spool,
        database: Database,
        clock: Clock = SYSTEM,
        ids: Callable[[], str] = uuid7,
        redactor: Redactor | None = None,
        drainer: DrainProcess | None = None,
    ) -> None:
        self.database = database
        self.damaged = 0
        self._drainer = drainer
        self._content = Contents(redactor or default_redactor())
        self._spool = spool
        self._clock = clock
        self._ids = ids

    @classmethod
    @contextmanager
    def open(
        cls,
        root: Path,
        *,
        on_log_failure: OnLogFailure = "pass",
        redactor: Redactor | None = None,
        drain_apart: bool = False,
    ) -> Iterator[Self]:
        """Open a recorder on the folder ``root`` (usually ``.insource``), with ``insource.db`` and
        ``spool/``.

        Leaving the block moves everything into the store. Without a ``redactor``, secrets are removed. With
        ``drain_apart``, ``flush`` drains in a separate process, so that it delays nothing in this one.

        Raises:
            InsourceError: ``spool-unwritable``, or as ``open_database``.
        """
        with open_database(root / STORE_FILE) as database:
            spool = Spool(root / SPOOL_FOLDER, on_log_failure=on_log_failure)
            drainer = DrainProcess(database, spool.directory) if drain_apart else None
            recorder = cls(spool, database, redactor=redactor, drainer=drainer)
            try:
                yield recorder
            finally:
                recorder.close()

    @property
    def lost(self) -> int:
        """The number of calls that could not be written."""
        return self._spool.lost

    def begin(self, request: Mapping[str, Any] | None = None, **fields: Unpack[StartFields]) -> Recording:
        """Record that a call starts. It is written, redacted, when this returns.

        ``request`` is the request's document. ``model_asked`` is required. Further keywords are fields of
        ``Call``: ``task``, ``feature``, ``prompt_version``, ``user``, ``provider``, ``endpoint``,
        ``streamed``, ``tags``, ``source``, ``simulated``. ``request_bytes`` is the request as JSON in UTF-8.
        It is used instead of ``request``, and stored as it is spelled. ``begin_call`` takes one value.

        Raises:
            TypeError: a keyword is not known, or ``model_asked`` is missing.
            PrerequisiteError: ``spool-unwritable`` with ``on_log_failure="refuse"``: do not make the call.
        """
        return self.begin_call(CallStart(request=request, **fields))

    def begin_call(self, start: CallStart) -> Recording:
        """Record that a call starts. It is written, redacted, when this returns.

        Raises:
            PrerequisiteError: ``spool-unwritable`` with ``on_log_failure="refuse"``: do not make the call.
        """
        labels = {
            "source": start.source,
            "task": start.task,
            "feature": start.feature,
            "prompt_version": start.prompt_version,
            "provider": start.provider,
            "endpoint": start.endpoint,
            "model_asked": start.model_asked,
        }
        caller = {"user": start.user, "tags": start.tags or {}}
        content = self._content.of(start.task)
        started_at = self._clock.now()
        fields = {
            "started_at": to_microseconds(started_at),
            "streamed": start.streamed,
            "simulated": start.simulated,
        }
        written = content.begin(labels, caller, start.request_bytes or start.request or {})
        recording = Recording(
            self._ids(), start.model_asked, started_at, self._spool, self._clock, content, fields, written
        )
        self._spool.begin(recording.call_id, fields, written)
        return recording

    def complete(self, call: Call, end: CallEnd) -> bool:
        """Replace a stored call whose answer was awaited by one with this end; return False if it has one.

        Its latencies stay: they are those of the request that made the call.

        Raises:
            InsourceError: the store's failures.
        """
        text = end.response_text or ""
        written = self._content.of(call.task).end(end.model_answered, text, end.error, end.response)
        columns = ("outcome", "finish_reason", "usage_estimated", "cost_usd", "priced_by", "unpriced_because")
        fields = {name: getattr(end, name) for name in columns} | json.loads(written)
        version = call.model_copy(update=fields | {"usage": end.usage or Usage()})
        with self.database.write() as connection:
            return replace_unfinished(connection, [version], clock=self._clock) > 0

    def flush(self) -> DrainReport:
        """Flush the spool to the disk, and move every finished call into the store.

        Raises:
            InsourceError: ``spool-unwritable`` or the store's codes; no call is lost.
        """
        self._spool.sync()
        report = self._drainer.drain() if self._drainer else drain(self.database, self._spool.directory)
        self.damaged += report.damaged
        return report

    def close(self) -> DrainReport:
        """Close the spool and move everything into the store; open calls are stored as interrupted."""
        self._spool.close()
        if self._drainer is not None:
            self._drainer.close()
        report = drain(self.database, self._spool.directory)
        self.damaged += report.damaged
        return report

    def retain(self, *, days: float | None, gb: float | None) -> Retained:
        """Run one turn of retention: remove calls older than ``days``, then the oldest while the store
        exceeds ``gb``.

        Raises:
            InsourceError: the store's failures; the next turn continues.
        """
        return retain(self.database, self._spool.directory, days=days, gb=gb, clock=self._clock)

    def leave_to_the_parent(self) -> None:
        """Release the parent's log in a forked child, without writing, locking or closing it."""
        self._spool.leave_to_the_parent()


class Recording:
    """One running call. Not thread-safe."""

    def __init__(
        self,
        call_id: str,
        model_asked: str,
        started_at: datetime,
        spool: Spool,
        clock: Clock,
        content: Content,
        fields: dict[str, Any],
        written: bytes,
    ) -> None:
        self.call_id = call_id
        self.model_asked = model_asked
        self.started_at = started_at
        self._spool = spool
        self._clock = clock
        self._content = content
        self._begun = fields, written
        self._ended: tuple[dict[str, Any], bytes] | None = None
        self._started = clock.monotonic()
        self._first_token_s: float | None = None
        self._last_token_s = 0.0
        self._pieces = 0
        self._received: list[str] = []
        self._increments: RedactedIncrements | None = None

    @property
    def call(self) -> Call:
        """The call as the store will hold it, so far or as it ended."""
        fields: dict[str, Any] = {"call_id": self.call_id}
        for half in (self._begun, self._ended):
            if half is not None:
                fields |= half[0] | json.loads(half[1])
        return Call(**fields | {"started_at": from_microseconds(fields["started_at"])})

    def chunk(self, text: str) -> None:
        """Record a piece of a streamed answer, redacted; its last word is held back until the next piece."""
        self._last_token_s = self._clock.monotonic() - self._started
        if self._first_token_s is None:
            self._first_token_s = self._last_token_s
        self._pieces += 1
        if not self._content.kept:
            return
        self._received.append(text)
        if self._increments is None:
            self._increments = self._content.increments()
        if increment := redacted_increment(self._increments, text):
            self._spool.chunk(self.call_id, increment)

    def end(self, **fields: Unpack[EndFields]) -> None:
        """Record how the call ended. It is written when this returns; a second end changes nothing.

        Keywords are fields of ``Call``: ``response_text`` (default: the chunks), ``response``, ``outcome``,
        ``finish_reason``, ``model_answered``, ``usage``, ``usage_estimated``, ``cost_usd``, ``priced_by``,
        ``unpriced_because``, ``status``, ``error``, ``first_token_s`` and ``latency_s`` (default: as
        measured), ``route``, ``simulated``. ``response_bytes`` is to ``response`` as ``request_bytes`` to
        ``request``. ``keys`` are the call's API keys: they are removed from an error message that repeats
        them. ``end_call`` takes the same as one value.

        Raises:
            TypeError: a keyword is not known.
            PrerequisiteError: ``spool-unwritable`` with ``on_log_failure="refuse"``.
        """
        self.end_call(CallEnd(**fields))

    def end_call(self, end: CallEnd) -> None:
        """Record how the call ended. It is written when this returns; a second end changes nothing.

        Raises:
            PrerequisiteError: ``spool-unwritable`` with ``on_log_failure="refuse"``.
        """
        if self._ended is not None:
            return
        measured_s = self._clock.monotonic() - self._started
        fields = {
            "outcome": end.outcome,
            "finish_reason": end.finish_reason,
            "usage": vars(end.usage) if end.usage is not None else {},
            "usage_estimated": end.usage_estimated,
            "cost_usd": end.cost_usd,
            "priced_by": end.priced_by,
            "unpriced_because": end.unpriced_because,
            "status": end.status,
            "first_token_s": self._first_token_s if end.first_token_s is None else end.first_token_s,
            "token_gap_s": self._token_gap_s,
            "latency_s": measured_s if end.latency_s is None else end.latency_s,
            "route": None if end.route is None else self._route(end.route),
            "simulated": self._begun[0]["simulated"] if end.simulated is None else end.simulated,
        }
        text = "".join(self._received) if end.response_text is None else end.response_text
        response = end.response_bytes or end.response
        written = self._content.end(end.model_answered, text, end.error, response, end.keys)
        self._ended = fields, written
        self._spool.end(self.call_id, fields, written)

    def _route(self, route: Route) -> dict[str, Any]:
        return vars(route) | {"local_answer": self._content.text(route.local_answer)}

    @property
    def _token_gap_s(self) -> float | None:
        if self._first_token_s is None or self._pieces < 2:
            return None
        return (self._last_token_s - self._first_token_s) / (self._pieces - 1)
