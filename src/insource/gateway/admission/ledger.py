"""Virtual keys and their counters for an event loop: every question asked meanwhile, one transaction.

SQLite commits cost more than what is decided in them. A thread of its own takes all calls that wait,
asks and counts for them in one transaction, and answers them together. So a single call waits for one
commit, and a thousand at once for a few.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from insource.foundation.clock import SYSTEM, Clock
from insource.store.database import Database
from insource.store.key_limits import reserve, settle
from insource.store.keys import (
    FILE_NAME,
    Exhausted,
    Granted,
    VirtualKey,
    digest_of,
    find_key,
    has_active_key,
    open_keys,
)

Operation = Callable[[sqlite3.Connection], Any]

REVOKED_AFTER_S = 1.0
MOST_AT_ONCE = 256


class KeyLedger:
    """The keys of one workspace. Their file is opened at the first question, when a key is presented."""

    def __init__(self, workspace: Path, *, clock: Clock = SYSTEM) -> None:
        self._workspace = workspace
        self._clock = clock
        self._known: dict[str, tuple[VirtualKey, float]] = {}
        self._questions: queue.SimpleQueue[_Question | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def has_key(self) -> bool:
        """Whether there is any key that would be let in. Blocks; for the start of a gateway."""
        if not (self._workspace / FILE_NAME).is_file():
            return False
        with open_keys(self._workspace) as database:
            return has_active_key(database)

    async def find(self, secret: str) -> VirtualKey | None:
        """The key of this secret; a revoked one is None ``REVOKED_AFTER_S`` seconds later at most.

        Raises:
            InsourceError: when the file of the keys cannot be read.
        """
        digest = digest_of(secret)  # so that no secret stays in memory longer than its call
        key, fresh_until = self._known.get(digest, (None, 0.0))
        if key is not None and self._clock.monotonic() < fresh_until:
            return key
        found: VirtualKey | None = await self._ask(lambda connection: find_key(connection, digest))
        if found is None:
            self._known.pop(digest, None)  # what is unknown is not kept: it may be a guess, one of many
        else:
            self._known[digest] = (found, self._clock.monotonic() + REVOKED_AFTER_S)
        return found

    async def reserve(self, key: VirtualKey, worst_case_usd: Decimal) -> Granted | Exhausted:
        """As ``store.key_limits.reserve``; a caller that is cancelled meanwhile gets its money back.

        Raises:
            InsourceError: when the counters cannot be written; the call must not go ahead then.
        """
        asked = self._submit(lambda connection: reserve(connection, key, worst_case_usd, self._clock.now()))
        try:
            answer: Granted | Exhausted = await asyncio.shield(asked)
        except asyncio.CancelledError:
            asked.add_done_callback(self._give_back)
            raise
        return answer

    async def settle(self, granted: Granted, cost_usd: Decimal | None) -> None:
        """As ``store.key_limits.settle``; it happens even when the caller is cancelled meanwhile.

        Raises:
            InsourceError: when the counters cannot be written; the worst case then stays counted.
        """
        await self._ask(lambda connection: settle(connection, granted, cost_usd))

    def close(self) -> None:
        """Write what is waiting, and end."""
        with self._starting:
            if self._thread is not None:
                self._questions.put(None)
                self._thread.join()
                self._thread = None

    async def _ask(self, operation: Operation) -> Any:
        return await asyncio.shield(self._submit(operation))

    def _submit(self, operation: Operation) -> asyncio.Future[Any]:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="insource-keys", daemon=True)
                self._thread.start()
        loop = asyncio.get_running_loop()
        question = _Question(operation, loop, loop.create_future())
        self._questions.put(question)
        return question.answer

    def _give_back(self, asked: asyncio.Future[Any]) -> None:
        if not asked.cancelled() and asked.exception() is None and isinstance(asked.result(), Granted):
            granted = asked.result()
            self._submit(lambda connection: settle(connection, granted, Decimal(0)))

    def _work(self) -> None:
        with contextlib.ExitStack() as stack:
            database: Database | None = None
            while (first := self._questions.get()) is not None:
                batch = [first, *self._waiting()]
                try:
                    if database is None:
                        database = stack.enter_context(open_keys(self._workspace))
                    answers = _answers(database, batch)
                except Exception as error:  # whatever it is, somebody waits for it
                    answers = [error] * len(batch)
                for question, answer in zip(batch, answers, strict=True):
                    question.tell(answer)

    def _waiting(self) -> list[_Question]:
        found: list[_Question] = []
        with contextlib.suppress(queue.Empty):
            while len(found) < MOST_AT_ONCE:
                question = self._questions.get_nowait()
                if question is None:
                    self._questions.put(None)  # the end comes after these
                    break
                found.append(question)
        return found


class _Question:
    """What a coroutine waits for, answered from the thread."""

    def __init__(
        self, operation: Operation, loop: asyncio.AbstractEventLoop, answer: asyncio.Future[Any]
    ) -> None:
        self.operation = operation
        self.answer = answer
        self._loop = loop

    def tell(self, answer: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._set, answer)

    def _set(self, answer: Any) -> None:
        if self.answer.done():
            return
        if isinstance(answer, Exception):
            self.answer.set_exception(answer)
        else:
            self.answer.set_result(answer)


def _answers(database: Database, batch: list[_Question]) -> list[Any]:
    with database.write_raw() as connection:
        return [question.operation(connection) for question in batch]
