"""What one request to an upstream costs: the gateway's own client, aiohttp's and httpx2's, in the same run.

All three send the same small chat completion over kept-alive connections on loopback and read the answer as
it comes, on uvloop, as the gateway does. The upstream (`fake_upstream.py`) is a process on the other core.
The clients take turns, and each figure is the median of its rounds: with 1 request at a time and with 16. CPU
is that of the thread that asks; none of the clients works in another. docs/adr/0008 is decided by it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import aiohttp
import httpx2
import uvloop
from claims import Claims, parser

from insource.gateway.http.address import UpstreamSettings
from insource.gateway.http.asgi import HttpRequest
from insource.gateway.http.upstream import Upstream

PATH = "/v1/chat/completions"
BODY = json.dumps(
    {
        "model": "gpt-4o-mini",
        "temperature": 0,
        "messages": [
            {"role": "system", "content": "Extract the requested fields as JSON."},
            {
                "role": "user",
                "content": "Pump P-12, rated voltage 480 V AC, 3-phase, 60 Hz, protection IP 67.",
            },
        ],
    }
).encode()
HEADERS = {"content-type": "application/json", "authorization": "Bearer sk-not-a-key", "accept": "*/*"}
AT_ONCE = (1, 16)
Ask = Callable[[], Awaitable[int]]
"""Sends one request and reads its answer; returns how many bytes that has."""


class Round(NamedTuple):
    """CPU time a request, requests a second, and the median time that one took."""

    cpu_us: float
    per_second: float
    p50_us: float


def main() -> None:
    options = parser(__doc__).parse_args()
    requests, rounds = (500, 5) if options.quick else (2000, 15)
    with upstream() as port:
        uvloop.run(measure(port, requests, rounds, claims := Claims()))
    print(f"aiohttp {version('aiohttp')}, httpx2 {version('httpx2')}, httptools {version('httptools')}")
    claims.write(options.json)


async def measure(port: int, requests: int, rounds: int, claims: Claims) -> None:
    async with contextlib.AsyncExitStack() as stack:
        clients = {
            "insource": await stack.enter_async_context(ours(port)),
            "aiohttp": await stack.enter_async_context(by_aiohttp(port)),
            "httpx2": await stack.enter_async_context(by_httpx2(port)),
        }
        for at_once in AT_ONCE:
            found: dict[str, list[Round]] = {name: [] for name in clients}
            for ask in clients.values():  # connections are opened, code is warm
                await one_round(ask, at_once, max(requests // 10, at_once))
            for _ in range(rounds):
                for name, ask in clients.items():
                    found[name].append(await one_round(ask, at_once, requests))
            state(claims, found, at_once)


def state(claims: Claims, found: dict[str, list[Round]], at_once: int) -> None:
    """The medians, and how many times ours the others take."""
    medians = {name: Round(*map(statistics.median, zip(*runs, strict=True))) for name, runs in found.items()}
    for name, median in medians.items():
        claims.add(f"{name}: CPU a request, {at_once} at once", median.cpu_us, "µs")
        claims.add(f"{name}: p50, {at_once} at once", median.p50_us, "µs")
        claims.add(f"{name}: requests/s, {at_once} at once", median.per_second, "1/s")
    for name in ("aiohttp", "httpx2"):
        times = medians[name].cpu_us / medians["insource"].cpu_us
        claims.add(f"{name}: times the CPU of ours, {at_once} at once", times, "x", at_least=2)


async def one_round(ask: Ask, at_once: int, requests: int) -> Round:
    took: list[float] = []
    sizes = set()

    async def work() -> None:
        for _ in range(requests // at_once):
            started = time.perf_counter()
            sizes.add(await ask())
            took.append(time.perf_counter() - started)

    gc.collect()
    started, cpu = time.perf_counter(), time.thread_time()
    await asyncio.gather(*[work() for _ in range(at_once)])
    cpu, elapsed = time.thread_time() - cpu, time.perf_counter() - started
    assert len(sizes) == 1, sizes
    return Round(cpu / len(took) * 1e6, len(took) / elapsed, statistics.median(took) * 1e6)


@contextlib.asynccontextmanager
async def ours(port: int) -> AsyncIterator[Ask]:
    """The client of the gateway, with what it does to a caller's request on the way."""
    to = Upstream(UpstreamSettings(name="openai", base_url=f"http://127.0.0.1:{port}/v1"))
    headers = [*HEADERS.items(), ("host", "gateway"), ("content-length", str(len(BODY)))]
    scope = {
        "method": "POST",
        "path": PATH,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }
    request = HttpRequest(scope, _nothing_more)

    async def ask() -> int:
        answer = await to.ask(request, PATH, BODY)
        assert answer.status == 200
        size = 0
        while data := await answer.read():
            size += len(data)
        to.pool.release(answer)
        return size

    yield ask
    to.pool.retire()


@contextlib.asynccontextmanager
async def by_aiohttp(port: int) -> AsyncIterator[Ask]:
    url = f"http://127.0.0.1:{port}{PATH}"
    async with aiohttp.ClientSession(auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def ask() -> int:
            async with session.post(url, data=BODY, headers=HEADERS, allow_redirects=False) as answer:
                assert answer.status == 200
                return sum([len(data) async for data in answer.content.iter_any()])

        yield ask


@contextlib.asynccontextmanager
async def by_httpx2(port: int) -> AsyncIterator[Ask]:
    url = f"http://127.0.0.1:{port}{PATH}"
    async with httpx2.AsyncClient(trust_env=False) as client:

        async def ask() -> int:
            async with client.stream("POST", url, content=BODY, headers=HEADERS) as answer:
                assert answer.status_code == 200
                return sum([len(data) async for data in answer.aiter_raw()])

        yield ask


async def _nothing_more() -> dict[str, str]:
    return {"type": "http.disconnect"}


@contextlib.contextmanager
def upstream() -> Iterator[int]:
    """The upstream on a core of its own; this process keeps the other one."""
    cores = sorted(os.sched_getaffinity(0))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = [sys.executable, str(Path(__file__).parent / "fake_upstream.py"), str(port), "0", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        os.sched_setaffinity(process.pid, {cores[-1]})
        os.sched_setaffinity(0, {cores[0]})
        assert process.stdout is not None
        process.stdout.readline()  # "ready"
        yield port
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
