"""Let a bounded number of calls wait, for a bounded time, for the slots of a local model."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import Any, TypeVar

Answer = TypeVar("Answer")

# The weight of the newest answer in the running mean of seconds an answer.
NEWEST = 0.2
FORGOTTEN_S = 30.0
# How often a thread that waits for an answer looks whether the loop still runs, in seconds.
LOOK_S = 0.5


class Overloaded(Exception):
    """The model has too much to do. ``retry_after_s`` is when it is expected to have a free slot."""

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


def run_in(loop: asyncio.AbstractEventLoop, waiting: Coroutine[Any, Any, Answer]) -> Answer | None:
    """Return what the use of a line in ``loop`` returns, for another thread, which waits for it.

    None where the model has too much to do, or the loop ends first.
    """
    try:
        found = asyncio.run_coroutine_threadsafe(waiting, loop)
    except RuntimeError:  # the loop is closed
        waiting.close()
        return None
    while loop.is_running():
        try:
            return found.result(LOOK_S)
        except TimeoutError:
            if found.done():  # it is the work that timed out
                return None
        except (Overloaded, CancelledError):
            return None
    found.cancel()
    return None


class Line:
    """The slots of a local model, and the calls that wait for them, first come, first served.

    Use it in one event loop. A call that is given up keeps its slot until its thread ends, because the model
    works on.
    """

    def __init__(self, slots: int, *, waiting: int, deadline_s: float) -> None:
        self._slots = slots
        self._limit = waiting
        self._deadline_s = deadline_s
        self._threads = ThreadPoolExecutor(slots, "insource-local")
        self._free = asyncio.Semaphore(slots)
        self._mean_s = 0.0
        self._measured_at = 0.0
        self.waiting = 0
        self.under_way = 0

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def wait_s(self) -> float:
        """In how many seconds a call that comes now is expected to have its answer; 0 where nothing is known.

        After ``FORGOTTEN_S`` without an answer nothing is, so that calls that were sent elsewhere come back.
        """
        if time.monotonic() - self._measured_at > FORGOTTEN_S:
            return 0.0
        return self._mean_s * (1 + (self.waiting + self.under_way) / self._slots)

    async def run(self, work: Callable[[], Answer]) -> Answer:
        """Return what ``work`` returns, called in a thread when a slot is free.

        Raises:
            Overloaded: too many calls wait already, or the deadline passed first.
        """
        ends = asyncio.get_running_loop().time() + self._deadline_s
        if self._free.locked() and self.waiting >= self._limit:
            raise Overloaded(f"{self.waiting} calls wait for the local model already", self._retry_after_s())
        self.waiting += 1
        try:
            async with asyncio.timeout_at(ends):
                await self._free.acquire()
        except TimeoutError:
            raise self._late() from None
        finally:
            self.waiting -= 1
        working = self._begin(work)
        try:
            async with asyncio.timeout_at(ends):
                return await asyncio.shield(working)
        except TimeoutError:
            if working.done() and not working.cancelled():
                return working.result()  # the work itself timed out, or ended just now
            raise self._late() from None

    def _begin(self, work: Callable[[], Answer]) -> asyncio.Future[Answer]:
        began = time.monotonic()
        working = asyncio.get_running_loop().run_in_executor(self._threads, work)
        self.under_way += 1

        def ended(done: asyncio.Future[Answer]) -> None:
            self.under_way -= 1
            self._free.release()
            if not done.cancelled():
                done.exception()  # the caller may be gone, and nobody else reads it
                took = time.monotonic() - began
                self._mean_s = took if not self._mean_s else self._mean_s + NEWEST * (took - self._mean_s)
                self._measured_at = time.monotonic()

        working.add_done_callback(ended)
        return working

    def _late(self) -> Overloaded:
        return Overloaded(
            f"the local model had no answer within {self._deadline_s:g} s", self._retry_after_s()
        )

    def _retry_after_s(self) -> int:
        """Return in how many whole seconds the calls that are here now are expected to be answered."""
        return max(1, math.ceil(self._mean_s * (self.waiting + self.under_way) / self._slots))
