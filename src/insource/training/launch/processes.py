"""One run in several processes of this machine, which accelerate joins.

This process keeps the run folder, scores checkpoints and reports; the others compute the steps. The first of
them sends the curve and asks after each checkpoint whether to stop. None outlives this process.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection, Pipe, wait
from typing import IO, Any, NamedTuple

from insource.foundation.cores import usable_cores
from insource.foundation.errors import InsourceError, ProviderError
from insource.training.loop.work import Computed, Reports, Work

WORKER = "insource.training.launch.worker"
LAST_LINES = 12
ENDING_S = 10.0


class Process(NamedTuple):
    """A process of a run, the connection to it, and what it printed."""

    child: subprocess.Popen[bytes]
    connection: Connection
    log: IO[bytes]


def compute_in_processes(work: Work, reports: Reports) -> Computed:
    """Compute a run in ``recipe.processes`` processes, each with its part of every batch.

    Raises:
        InsourceError: as raised in a process.
        ProviderError: ``training-process-died`` when one of them ended without an error of its own.
    """
    reports.note(f"processes: {work.recipe.processes} on this machine, joined by accelerate")
    with _started(work.recipe.processes) as processes:
        for rank in range(len(processes)):
            _send(processes, rank, work)
        ended: dict[int, Computed] = {}
        while len(ended) < len(processes):
            waiting = [one.connection for rank, one in enumerate(processes) if rank not in ended]
            for connection in wait(waiting):
                rank = next(n for n, one in enumerate(processes) if one.connection is connection)
                answered = _serve(processes, rank, reports)
                if answered is not None:
                    ended[rank] = answered
    return ended[0]._replace(peak_memory_bytes=max(one.peak_memory_bytes for one in ended.values()))


def _serve(processes: Sequence[Process], rank: int, reports: Reports) -> Computed | None:
    """Read one message of a process; return what it computed when it is the last one."""
    connection = processes[rank].connection
    try:
        kind, value = connection.recv()
    except (EOFError, ConnectionResetError) as error:
        raise _died(processes, rank) from error
    if kind == "failed":
        raise value
    if kind == "done":
        return Computed(*value)
    if kind == "after":
        _send(processes, rank, reports.after(value))
    elif kind == "record":
        reports.record(value)
    else:
        reports.note(value)
    return None


def _send(processes: Sequence[Process], rank: int, value: Any) -> None:
    try:
        processes[rank].connection.send(value)
    except (BrokenPipeError, ConnectionResetError) as error:
        raise _died(processes, rank) from error


@contextmanager
def _started(count: int) -> Iterator[list[Process]]:
    """Start the processes; end them on leaving the block."""
    port = _free_port()
    with ExitStack() as opened:
        processes = [_start(rank, count, port, opened) for rank in range(count)]
        yield processes


def _start(rank: int, count: int, port: int, opened: ExitStack) -> Process:
    log = opened.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
    ours, theirs = Pipe()
    with theirs:
        child = subprocess.Popen(
            [sys.executable, "-m", WORKER, str(theirs.fileno())],
            env=os.environ | _environment(rank, count, port),
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    opened.callback(_end, child)
    opened.enter_context(ours)  # closed first: a process whose connection ends, ends
    return Process(child, ours, log)


def _end(child: subprocess.Popen[bytes]) -> None:
    try:
        child.wait(ENDING_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _environment(rank: int, count: int, port: int) -> dict[str, str]:
    """Return what `accelerate launch` would set for this process."""
    cores = usable_cores()
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": str(max(1, cores // count)),
    }


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _died(processes: Sequence[Process], rank: int) -> InsourceError:
    """Return the error for a process that ended; one that was killed is named before those it left behind."""
    code = _code(processes[rank])
    codes = {rank: code} | {n: one.child.poll() for n, one in enumerate(processes) if n != rank}
    rank = next((n for n, one in codes.items() if one is not None and one < 0), rank)
    processes[rank].log.seek(0)
    lines = processes[rank].log.read().decode(errors="replace").splitlines()
    return ProviderError(
        "training-process-died",
        f"Process {rank + 1} of {len(processes)} of the training ended with code {codes[rank]}.",
        details=tuple(lines[-LAST_LINES:]),
        hint="Run the same command again: it goes on at the last checkpoint. If it was killed for want of\n"
        "      memory (code -9), use fewer: insource train --processes 1",
    )


def _code(process: Process) -> int | None:
    try:
        return process.child.wait(ENDING_S)
    except subprocess.TimeoutExpired:
        return None
