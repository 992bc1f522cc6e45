"""Drain the spool in a separate process, for a process that must keep answering requests.

A drain in a thread holds the interpreter lock for milliseconds at a time and delays every running answer. Run
as ``python -m insource.store.spool.drain_process STORE SPOOL``. Each line on standard input requests a drain;
its report follows as a JSON line on standard output, null if it failed. The process ends when its standard
input closes, and therefore with its parent.
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

# The parent has priority. On one busy core this leaves a third for the drain, and a gateway's drain takes a
# fourth; with less, the spool would grow.
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
        """Drain as ``store.spool.drain.drain``.

        If the process fails, drain in this process, which gives the error.

        Raises:
            InsourceError: as ``store.spool.drain.drain``.
        """
        with self._lock:
            try:
                answer = self._asked()
            except (OSError, ValueError):
                self._stop()
                answer = None
            return drain(self._database, self._directory) if answer is None else DrainReport(**answer)

    def close(self) -> None:
        """Wait for the running drain, and end the process."""
        with self._lock:
            self._stop()

    def _asked(self) -> dict[str, Any] | None:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(self._database.path), str(self._directory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                # The parent handles Ctrl-C; closing the pipe stops the child. A new session would also be a
                # new scheduling group (sched(7), autogroup), in which ``NICE`` has no effect.
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
        except (OSError, subprocess.TimeoutExpired):  # uncommitted calls are still in the spool
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
