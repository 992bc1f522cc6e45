"""A process of a run: ``python -m insource.training.launch.worker DESCRIPTOR``.

It gets the run's work over the connection with that file descriptor, and ends when the connection does.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from insource.foundation.errors import InsourceError
from insource.training.loop.work import Reports

LOST_PARENT = 3


def main(descriptor: int) -> None:
    """Compute this process's part of the run, and send what it reports."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started this one ends it
    connection = Connection(descriptor)
    inbox: queue.Queue[Any] = queue.Queue()
    threading.Thread(target=_receive, args=(connection, inbox), daemon=True).start()
    try:
        computed = _compute(connection, inbox)
    except InsourceError as error:
        connection.send(("failed", error))
        raise
    connection.send(("done", tuple(computed)))
    inbox.get()  # until the connection ends: the others may still need this process


def _receive(connection: Connection, inbox: queue.Queue[Any]) -> None:
    try:
        while True:
            inbox.put(connection.recv())
    except (EOFError, OSError):
        os._exit(LOST_PARENT)  # it was killed or has what it needs: nothing may write after it


def _compute(connection: Connection, inbox: queue.Queue[Any]) -> Any:
    import torch
    from accelerate.utils import broadcast_object_list

    from insource.training.loop.fine_tune import compute

    work, first = inbox.get(), os.environ["RANK"] == "0"
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))

    def send(kind: str, value: Any) -> None:
        if first:
            connection.send((kind, value))

    def after(checkpoint: Path) -> bool:
        send("after", checkpoint)
        stop = [inbox.get() if first else False]
        broadcast_object_list(stop)
        return bool(stop[0])

    return compute(work, Reports(lambda point: send("record", point), after, lambda text: send("note", text)))


if __name__ == "__main__":
    main(int(sys.argv[1]))
