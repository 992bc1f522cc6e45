"""Drain the spool in a process of its own, for a process that must answer others meanwhile.

A drain in a thread holds the interpreter's lock for milliseconds at a time, and every answer under way
waits for it. Run as ``python -m insource.store.spool.drain_process STORE SPOOL``. A line on standard input
asks for a drain; a JSON line on standard output is its report, null when it failed. The process ends when its
standard input closes, and so with its parent.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from insource.foundation.errors import InsourceError
from insource.store.database import Database, open_database
from insource.store.spool.drain import DrainReport, drain

# The parent goes first. Of one busy core this leaves a third, which is more than the drain of a gateway takes
# (a fourth): were it less, the spool would grow.
NICE = 3
STOP_S = 10.0


class DrainProcess:
    """Drains the spool ``directory`` into ``database``; starts with the first drain. Thread-safe."""

    def __init__(self, database: Database, directory: Path) -> None:
        self._database = database
        self._directory = directory
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def drain(self) -> DrainReport:
        """As ``store.drain.drain``. Where the process fails, this one tries, and knows why it cannot.

        Raises:
            InsourceError: as ``store.drain.drain``.
        """
        with self._lock:
            try:
                answer = self._asked()
            except (OSError, ValueError):
                self._stop()
                answer = None
            return drain(self._database, self._directory) if answer is None else DrainReport(**answer)

    def close(self) -> None:
        """Wait for the drain under way, and end the process."""
        with self._lock:
            self._stop()

    def _asked(self) -> dict[str, Any] | None:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(self._database.path), str(self._directory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                # Ctrl-C is the parent's to handle; the pipe's end stops the child. A session of its own would
                # be a scheduling group of its own (sched(7), autogroup), in which ``NICE`` is void.
                process_group=0,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        answer: dict[str, Any] | None = json.loads(self._process.stdout.readline())
        return answer

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.communicate(timeout=STOP_S)
        except (OSError, subprocess.TimeoutExpired):  # whatever it had not committed is still in the spool
            process.kill()
            process.wait()


def main(database: Path, directory: Path) -> None:
    os.nice(NICE)
    with open_database(database) as store:
        for _ in sys.stdin:
            try:
                answer: dict[str, Any] | None = asdict(drain(store, directory))
            except InsourceError:
                answer = None
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
