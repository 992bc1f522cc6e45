"""The recorder of this process: one per folder, drained in the background, closed when the process ends."""

from __future__ import annotations

import atexit
import logging
import os
import queue
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Protocol

from insource.config.log import LogSection
from insource.foundation.errors import InsourceError
from insource.logs.recorder import Recorder
from insource.redaction import Redactor
from insource.store.spool.writer import OnLogFailure

_LOG = logging.getLogger(__name__)

DRAIN_INTERVAL_S = 1.0


class Abandoned(Protocol):
    """A call whose answer will not be read any further."""

    def give_up(self) -> None: ...


class ProcessLog:
    """A recorder with a thread that moves its calls into the store.

    ``abandoned`` receives calls whose stream was garbage-collected. The garbage collector may run at any
    point, even during a write to the spool, so a finalizer must not write; a ``SimpleQueue`` is safe there.
    """

    def __init__(self, root: Path, on_log_failure: OnLogFailure, log: LogSection) -> None:
        self.abandoned: queue.SimpleQueue[Abandoned] = queue.SimpleQueue()
        self._stack = ExitStack()
        self.recorder = self._stack.enter_context(
            Recorder.open(root, on_log_failure=on_log_failure, redactor=Redactor.from_config(log, root))
        )
        self._root = root
        self._told = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._drain, name="insource-log-drain", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Move everything into the store; calls that have not ended are stored as interrupted."""
        self._stopping.set()
        self._thread.join()
        self._give_up_abandoned()
        with suppress(InsourceError):  # the calls are in the spool, and the next process drains them
            self._stack.close()
        self._tell_of_losses()

    def leave_to_the_parent(self) -> None:
        """Release the parent's log in a forked child, without writing to it."""
        self.recorder.leave_to_the_parent()

    def _drain(self) -> None:
        import genai_prices  # noqa: F401 - loading takes a quarter of a second; no call should wait for it

        while not self._stopping.wait(DRAIN_INTERVAL_S):
            self._give_up_abandoned()
            with suppress(InsourceError):  # as in ``close``
                self.recorder.flush()
            self._tell_of_losses()

    def _give_up_abandoned(self) -> None:
        with suppress(queue.Empty):
            while True:
                call = self.abandoned.get_nowait()
                with suppress(InsourceError):  # as in ``close``
                    call.give_up()

    def _tell_of_losses(self) -> None:
        if (lost := self.recorder.lost) > self._told:
            self._told = lost
            _LOG.warning("%d calls could not be written to the log in %s", lost, self._root)


_logs: dict[tuple[Path, OnLogFailure, LogSection], ProcessLog] = {}
_of_the_parent: list[ProcessLog] = []  # kept alive, so that no finalizer closes the parent's log
_lock = threading.Lock()


def process_log(root: Path, on_log_failure: OnLogFailure, section: LogSection) -> ProcessLog:
    """Return this process's log for a folder; it is opened on first use, and again after a fork.

    Raises:
        InsourceError: ``spool-unwritable``, or as ``Redactor.from_config`` and ``open_database``.
    """
    with _lock:
        log = _logs.get((root, on_log_failure, section))
        if log is None:
            log = _logs[root, on_log_failure, section] = ProcessLog(root, on_log_failure, section)
        return log


def close_logs() -> None:
    """Close every log of this process; also called when the process ends."""
    with _lock:
        for log in _logs.values():
            log.close()
        _logs.clear()


def _forked() -> None:
    global _lock
    _lock = threading.Lock()
    for log in _logs.values():
        log.leave_to_the_parent()
    _of_the_parent.extend(_logs.values())
    _logs.clear()


atexit.register(close_logs)
os.register_at_fork(after_in_child=_forked)
