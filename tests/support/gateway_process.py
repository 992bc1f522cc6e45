"""``insource gateway`` in a process of its own, for every folder's tests."""

import os
import queue
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from insource.logs.recorder import Recorder
from insource.store.calls.calls import find_calls

WAIT_S = 30


def configure(folder, upstream, more=""):
    text = f'[upstreams.openai]\nbase_url = "{upstream.root}/v1"\n{more}'
    (folder / "insource.toml").write_text(text, encoding="utf-8")


class Process:
    """The gateway; ``said`` waits for a line on its standard error. None in ``env`` unsets a variable."""

    def __init__(self, folder, env=None, module="insource.cli.main", arguments=()):
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, "gateway", "--port", "0", *arguments],
            cwd=folder,
            env={name: value for name, value in (os.environ | (env or {})).items() if value is not None},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid
        self.told = []
        self._lines = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.root = self.said("Gateway on ").rpartition(" ")[2].removesuffix("/v1")
        self.said("Reload")

    def _read(self):
        for line in self._process.stderr:
            self._lines.put(line.strip())

    def said(self, start):
        while not (line := self._lines.get(timeout=WAIT_S)).startswith(start):
            self.told.append(line)
        return line

    def rest(self):
        """What it has said since, once it has ended."""
        self._reader.join()
        return list(self._lines.queue)

    def send(self, number):
        os.kill(self._process.pid, number)

    def ended(self):
        return self._process.wait(WAIT_S)

    def close(self):
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._process.stderr.close()


def kill_with_drain(pid):
    """Kill a gateway and the process that drains for it.

    On its own, the drain would still finish what it has begun, and leave nothing for the next gateway.
    """
    for one in (pid, *children(pid)):
        os.kill(one, signal.SIGKILL)


def children(pid):
    """The processes that a process has started."""
    paths = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in paths for child in path.read_text().split()]


class Serving(NamedTuple):
    """Where ``insource serve`` answers, the key that it printed, and its process."""

    url: str
    key: str
    pid: int


@contextmanager
def serving(folder, *arguments, env=None, module="insource.cli.main"):
    """``insource serve`` in a process of its own, until SIGTERM."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, "serve", "--port", "0", *arguments],
        cwd=folder,
        env=os.environ | (env or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    url, _, key = process.stdout.readline().strip().partition("  key ")
    try:
        yield Serving(url, key, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        output = process.communicate(timeout=WAIT_S)
    assert (process.returncode, output[0]) == (0, ""), output


@contextmanager
def running(folder, env=None, module="insource.cli.main", arguments=()):
    process = Process(folder, env, module, arguments)
    try:
        yield process
    finally:
        process.close()


def recorded(folder):
    with Recorder.open(folder / ".insource") as recorder:
        recorder.flush()
        return find_calls(recorder.database)
