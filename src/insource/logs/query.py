"""Query the log: calls, consumption, feedback, purge.

with Log(".insource") as log:
    for line in log.stats(by=["task"], since=last_week):
        ...
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypedDict, Unpack

from insource.foundation.clock import SYSTEM, Clock
from insource.foundation.errors import PrerequisiteError, UserError
from insource.logs.recorder import SPOOL_FOLDER, STORE_FILE
from insource.redaction import redact
from insource.runs.folders import RunStore
from insource.store.calls.calls import call_ids_beginning, get_call
from insource.store.calls.feedback import Feedback, add_feedback, feedback_of
from insource.store.calls.model_names import with_names
from insource.store.calls.paging import Follower, iterate_calls
from insource.store.calls.selection import Selection
from insource.store.calls.tombstones import Purge, purge_of, purges
from insource.store.calls.usage import Consumption, Dimension, consumption_and_total
from insource.store.database import open_database
from insource.store.removal.purge import PurgeReport, Retained, purge, retain
from insource.store.spool.drain import DrainReport, drain
from insource.types import Call
from insource.types.call import Outcome

Rating = Literal["up", "down"]


class Where(TypedDict, total=False):
    """Conditions on calls; all of them must hold. See ``Selection``."""

    task: str | None
    feature: str | None
    model: str | None
    provider: str | None
    prompt_version: str | None
    user: str | None
    outcome: Outcome | None
    source: str | None
    since: datetime | None
    until: datetime | None
    call_ids: tuple[str, ...] | None


class Log:
    """The recorded calls of a workspace. Use it as a context manager, or call ``close``.

    ``root`` is the folder with the store and the spool, usually ``.insource``. Calls that ended recently are
    visible only after ``drain``.

    Raises:
        UserError: ``no-log`` when nothing was ever recorded there.
        InsourceError: as ``open_database``.

    Examples:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from insource import Log, Recorder
        >>> with TemporaryDirectory() as folder:
        ...     with Recorder.open(Path(folder)) as recorder:
        ...         recording = recorder.begin({"messages": []}, model_asked="gpt-4o-mini", task="specs")
        ...         recording.end(response_text="480 V")
        ...     with Log(folder) as log:
        ...         [call.response_text for call in log.calls(task="specs", limit=10)]
        ...         [(line.group, line.calls) for line in log.stats(by="task")]
        ['480 V']
        [({'task': 'specs'}, 1)]
    """

    def __init__(
        self, root: Path | str, *, clock: Clock = SYSTEM, redact: Callable[[Any], Any] = redact
    ) -> None:
        self.root = Path(root)
        self._spool = self.root / SPOOL_FOLDER
        self._clock = clock
        self._redact = redact
        if not (self.root / STORE_FILE).exists() and not self._spool.exists():
            raise UserError(
                "no-log",
                f"No call has been recorded in {self.root} yet.",
                hint="Start the gateway and send calls through it: insource gateway",
            )
        self.database = open_database(self.root / STORE_FILE)

    def drain(self) -> DrainReport:
        """Move every finished call from the spool into the store.

        Raises:
            InsourceError: the store's failures; the calls then wait in the spool.
        """
        return drain(self.database, self._spool)

    def get(self, call_id: str) -> Call | None:
        """Return the call with this id, or None."""
        return get_call(self.database, call_id)

    def ids(self, beginning: str, *, limit: int) -> tuple[str, ...]:
        """Return the first ids that begin with this text, in their order."""
        return call_ids_beginning(self.database, beginning, limit)

    def calls(
        self,
        *,
        text: str | None = None,
        newest_first: bool = False,
        limit: int | None = None,
        **where: Unpack[Where],
    ) -> Iterator[Call]:
        """Yield the calls in the order they started, read lazily.

        ``text`` is searched in every request and answer that meets the conditions, ignoring case.
        """
        found = iterate_calls(self.database, self._chosen(where), newest_first=newest_first)
        if text is not None:
            sought = text.casefold()
            found = (call for call in found if any(sought in said.casefold() for said in _texts(call)))
        return islice(found, limit)

    def stats(
        self, by: Dimension | Sequence[Dimension] = (), **where: Unpack[Where]
    ) -> tuple[Consumption, ...]:
        """Return the totals of the calls, one entry per group; ``by`` is one dimension or several."""
        lines, _ = self.stats_and_total(by, **where)
        return lines

    def stats_and_total(
        self, by: Dimension | Sequence[Dimension] = (), **where: Unpack[Where]
    ) -> tuple[tuple[Consumption, ...], tuple[Consumption, ...]]:
        """Return the entries of ``stats``, and the overall totals of real and of simulated calls."""
        dimensions = [by] if isinstance(by, str) else by
        return consumption_and_total(self.database, dimensions, self._chosen(where))

    def follow(self, *, poll_s: float = 0.5, **where: Unpack[Where]) -> Iterator[Call]:
        """Yield the calls that end from now on, without end."""
        return self._followed(Follower(self.database, self._chosen(where)), poll_s)

    def _chosen(self, where: Where) -> Selection:
        return with_names(self.database, Selection(**where))

    def _followed(self, follower: Follower, poll_s: float) -> Iterator[Call]:
        while True:
            # Locked by another process; the calls wait in the spool
            with contextlib.suppress(PrerequisiteError):
                self.drain()
            yield from follower.new()
            time.sleep(poll_s)

    def feedback(self, *call_ids: str) -> dict[str, tuple[Feedback, ...]]:
        """Return the feedback on these calls, earliest first; calls without feedback are left out."""
        return feedback_of(self.database, call_ids)

    def correct(self, call_id: str, answer: str, *, who: str = "") -> Feedback:
        """Store the right answer beside the model's, redacted like calls.

        Raises:
            UserError: ``call-not-found``.
        """
        given = self._redact(answer)
        return add_feedback(self.database, call_id, "correction", given, who=who, clock=self._clock)

    def rate(self, call_id: str, rating: Rating, *, who: str = "") -> Feedback:
        """Store whether an answer was good.

        Raises:
            UserError: ``call-not-found``.
        """
        return add_feedback(self.database, call_id, "rating", rating, who=who, clock=self._clock)

    def purge(
        self,
        *,
        reason: str,
        progress: Callable[[int], None] = lambda done: None,
        **where: Unpack[Where],
    ) -> PurgeReport:
        """Delete these calls permanently from every file; without a condition, all calls.

        The answers that evaluations share are deleted with them: they are a cache without row ids.

        Raises:
            InsourceError: the store's failures. ``store-locked`` after the calls were removed means that the
                file could not be rewritten while others read; repeating the purge rewrites it.
        """
        shutil.rmtree(RunStore(self.root).answers, ignore_errors=True)
        return purge(
            self.database,
            self._spool,
            self._chosen(where),
            reason=reason,
            clock=self._clock,
            progress=progress,
        )

    def retain(self, *, days: float | None = None, gb: float | None = None) -> Retained:
        """Run one turn of retention: see ``store.removal.purge.retain``."""
        return retain(self.database, self._spool, days=days, gb=gb, clock=self._clock)

    def purges(self) -> tuple[Purge, ...]:
        """Return every purge, latest first."""
        return purges(self.database)

    def purge_of(self, call_id: str) -> Purge | None:
        """Return the purge that removed this call, or None."""
        return purge_of(self.database, call_id)

    def close(self) -> None:
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _texts(call: Call) -> Iterator[str]:
    yield call.response_text
    yield from _strings(call.request)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
