"""A function over many items in several threads, its results in the order of the items."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    items: Iterable[Item], function: Callable[[Item], Result], workers: int
) -> Generator[Result, None, None]:
    """Yield ``function(item)`` for each item, in order, with at most ``workers`` calls in flight.

    Items are read as they are needed, at most ``2 * workers`` ahead. Raises what ``function`` raises, at the
    place of its item; calls that have not begun are then cancelled.
    """
    if workers == 1:
        yield from map(function, items)
        return
    pool = ThreadPoolExecutor(workers)
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= 2 * workers:  # one slow call does not hold up the others
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
