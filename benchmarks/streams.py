"""Many streamed answers at once, timed: what a client of a streaming proxy feels."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import uvloop


@dataclass
class Streams:
    """``first_byte_s`` and ``seconds`` a stream, in order of their ends; ``broken`` did not end properly."""

    first_byte_s: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    broken: int = 0


def hold(port: int, path: str, body: bytes, headers: dict[str, str], *, at_once: int, rounds: int) -> Streams:
    """``rounds`` times ``at_once`` streams over connections of their own."""
    found = Streams()

    async def one() -> None:
        started = time.perf_counter()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            head = [f"POST {path} HTTP/1.1", "host: 127.0.0.1", "content-type: application/json"]
            head += [f"content-length: {len(body)}", *(f"{name}: {value}" for name, value in headers.items())]
            writer.write("\r\n".join([*head, "connection: close", "", ""]).encode() + body)
            await reader.readuntil(b"data: ")
            found.first_byte_s.append(time.perf_counter() - started)
            await asyncio.wait_for(reader.readuntil(b"[DONE]"), 120)
            writer.close()
        except (OSError, asyncio.IncompleteReadError, TimeoutError, asyncio.LimitOverrunError):
            found.broken += 1
            return
        found.seconds.append(time.perf_counter() - started)

    async def all_of_them() -> None:
        for _ in range(rounds):
            await asyncio.gather(*(one() for _ in range(at_once)))

    uvloop.run(all_of_them())
    return found
