"""Handling of SIGTERM and SIGINT while a server runs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stopping_by(handle: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Call ``handle`` on SIGTERM and SIGINT within the block, and restore the previous handlers after it.

    Unlike uvicorn, the signals are not raised again after the block, so the code that follows still runs.
    Signal handlers exist in the main thread only; in any other thread this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    stopping = (signal.SIGTERM, signal.SIGINT)
    previous = {number: signal.signal(number, handle) for number in stopping}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
