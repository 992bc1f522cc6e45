"""Read virtual keys and update their counters from an event loop, many calls in one transaction.

A commit in SQLite costs more than the work in it. A separate thread takes all waiting questions, answers
them in one transaction, and returns the answers together. One call alone waits for one commit, and a
thousand calls at once wait for a few commits.
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
    """The keys of one workspace. The file is opened at the first question."""

    def __init__(self, workspace: Path, *, clock: Clock = SYSTEM) -> None:
        self._workspace = workspace
        self._clock = clock
        self._known: dict[str, tuple[VirtualKey, float]] = {}
        self._questions: queue.SimpleQueue[_Question | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def has_key(self) -> bool:
        """Return whether any active key exists. It blocks, so it is for the start of a gateway."""
        if not (self._workspace / FILE_NAME).is_file():
            return False
        with open_keys(self._workspace) as database:
            return has_active_key(database)

    async def find(self, secret: str) -> VirtualKey | None:
        """Return the key of this secret, or None. A revoked key is None after at most
        ``REVOKED_AFTER_S`` seconds.

        Raises:
            InsourceError: the file of the keys cannot be read.
        """
        digest = digest_of(secret)  # no secret is kept in memory after its call
        key, fresh_until = self._known.get(digest, (None, 0.0))
        if key is not None and self._clock.monotonic() < fresh_until:
            return key
        found: VirtualKey | None = await self._ask(lambda connection: find_key(connection, digest))
        if found is None:
            self._known.pop(digest, None)  # unknown keys are not cached: an attacker may try many
        else:
            self._known[digest] = (found, self._clock.monotonic() + REVOKED_AFTER_S)
        return found

    async def reserve(self, key: VirtualKey, worst_case_usd: Decimal) -> Granted | Exhausted:
        """Reserve as ``store.key_limits.reserve``. If the caller is cancelled, the reservation is undone.

        Raises:
            InsourceError: the counters cannot be written. The call must not be made then.
        """
        asked = self._submit(lambda connection: reserve(connection, key, worst_case_usd, self._clock.now()))
        try:
            answer: Granted | Exhausted = await asyncio.shield(asked)
        except asyncio.CancelledError:
            asked.add_done_callback(self._give_back)
            raise
        return answer

    async def settle(self, granted: Granted, cost_usd: Decimal | None) -> None:
        """Settle as ``store.key_limits.settle``, even if the caller is cancelled.

        Raises:
            InsourceError: the counters cannot be written. The worst case stays counted then.
        """
        await self._ask(lambda connection: settle(connection, granted, cost_usd))

    def close(self) -> None:
        """Answer the waiting questions, and end the thread."""
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
                except Exception as error:  # every error goes to those who wait
                    answers = [error] * len(batch)
                for question, answer in zip(batch, answers, strict=True):
                    question.tell(answer)

    def _waiting(self) -> list[_Question]:
        found: list[_Question] = []
        with contextlib.suppress(queue.Empty):
            while len(found) < MOST_AT_ONCE:
                question = self._questions.get_nowait()
                if question is None:
                    self._questions.put(None)  # the thread ends after these
                    break
                found.append(question)
        return found


class _Question:
    """An operation that a coroutine waits for; the thread answers it."""

    def __init__(
        self, operation: Operation, loop: asyncio.AbstractEventLoop, answer: asyncio.Future[Any]
    ) -> None:
        self.operation = operation
        self.answer = answer
        self._loop = loop

    def tell(self, answer: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits
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
