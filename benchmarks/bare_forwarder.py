"""The least that a gateway in Python can be: bytes from one connection to another and back, none read.

``python benchmarks/bare_forwarder.py PORT UPSTREAM_PORT``. What this adds is the machine's and the loop's.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import uvloop


class Leg(asyncio.Protocol):
    """One end of a forwarded connection; what comes in here goes out at the other."""

    def __init__(self, other: Leg | None, upstream_port: int = 0) -> None:
        self.transport: Any = None
        self._other = other
        self._upstream_port = upstream_port
        self._early: list[bytes] = []
        self._connecting: asyncio.Task[Any] | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        if self._other is not None:
            self._other.forward_to(self)
            return
        loop = asyncio.get_running_loop()
        to_upstream = loop.create_connection(lambda: Leg(self), "127.0.0.1", self._upstream_port)
        self._connecting = loop.create_task(to_upstream)

    def forward_to(self, other: Leg) -> None:
        self._other = other
        for data in self._early:
            other.transport.write(data)

    def data_received(self, data: bytes) -> None:
        if self._other is None:
            self._early.append(data)
        else:
            self._other.transport.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        if self._other is not None:
            self._other.transport.close()


async def main(port: int, upstream_port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Leg(None, upstream_port), "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
