"""The gateway as an ASGI application: its start and end, its health, and the reload of its settings.

A client changes its base URL and nothing else. Calls to a model are forwarded unchanged and recorded;
tasks that were insourced are answered here. ``calls.py`` handles the requests.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import MutableMapping
from functools import partial
from typing import Any

import msgspec

from insource.foundation.errors import InsourceError
from insource.gateway.calls import Calls
from insource.gateway.http.asgi import HttpReply, HttpRequest, Receive, Send
from insource.gateway.live import Live
from insource.gateway.metrics import CONTENT_TYPE, exposition, newest_checks
from insource.gateway.settings import GatewaySettings, PassThrough
from insource.gateway.tasks.task import InsourcedTask
from insource.gateway.tasks.tasks import Tasks

RETENTION_INTERVAL_S = 60.0
FINISH_S = 2.0
"""How long a gateway that stops waits for its audits; a lost one is no evidence for either side."""


def create_app(settings: GatewaySettings) -> Gateway:
    """Return the gateway as an ASGI application; it needs the lifespan protocol.

    Raises:
        DataError: ``schema-not-supported`` when a task's output contract has no grammar.
        ConfigError: ``config-invalid`` for an upstream whose base URL is not valid.
    """
    return Gateway(settings)


class Gateway:
    """The ASGI application."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._tasks = Tasks(settings)
        self._drain_failures = 0
        self._settling: set[asyncio.Task[None]] = set()
        self._live = Live(settings.pass_through)
        self._calls = self._handling(self._live)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(HttpRequest(scope, receive), HttpReply(send))
        elif scope["type"] == "lifespan":
            # A second Ctrl-C cancels this: the gateway ends at once, and the log is drained later.
            with contextlib.suppress(asyncio.CancelledError):
                await self._lifespan(receive, send)

    def reload(self, settings: PassThrough) -> None:
        """Handle calls that come from now on by these settings; calls under way end by the old ones.

        Raises:
            ConfigError: as ``create_app``; everything then stays as it is.
        """
        before, self._live = self._live, Live(settings, self._live)
        self._calls = self._handling(self._live)
        before.retire(self._live)

    def _handling(self, live: Live) -> Calls:
        return Calls(self._settings, live, self._tasks, self._settling)

    async def _http(self, request: HttpRequest, reply: HttpReply) -> None:
        if request.path == "/health" and request.method in ("GET", "HEAD"):
            await self._health(reply)
        elif request.path == "/metrics" and request.method == "GET":
            await self._metrics(reply)
        elif request.method == "HEAD":  # no client of these APIs sends it, and its answer has no body
            await reply.whole(405, b"", [(b"allow", b"GET, POST, PUT, PATCH, DELETE")])
        else:
            await self._calls.handle(request, reply)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        for task in self._tasks.all:
            task.open(self._ask)
        await self._follow_registry()
        running = [asyncio.create_task(self._drain())]
        running += [asyncio.create_task(self._control(task)) for task in self._tasks.all if task.controller]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for one in running:
            one.cancel()
        await asyncio.gather(*running, *self._settling, return_exceptions=True)
        for task in self._tasks.all:
            if task.auditor is not None and task.controller is not None:
                await task.auditor.finish(FINISH_S)
                await asyncio.to_thread(task.controller.close)
        self._live.retire()
        for task in self._tasks.all:
            task.close()
        await self._flush()
        await send({"type": "lifespan.shutdown.complete"})

    async def _ask(self, request: HttpRequest, reply: HttpReply) -> None:
        await self._calls.handle(request, reply)

    async def _follow_registry(self) -> None:
        """Open what is deployed before the first call comes."""
        for task in self._tasks.all:
            if task.controller is not None:
                await asyncio.to_thread(task.controller.turn)

    async def _control(self, task: InsourcedTask) -> None:
        """Let the task's controller take its turns, until this is cancelled."""
        assert task.controller is not None
        while True:
            await asyncio.sleep(task.controller.interval_s)
            await asyncio.shield(asyncio.to_thread(task.controller.turn))

    async def _drain(self) -> None:
        """Bring finished calls into the store and apply the log's limits, until this is cancelled."""
        loop = asyncio.get_running_loop()
        retained = loop.time() - RETENTION_INTERVAL_S
        while True:
            await asyncio.sleep(self._settings.drain_interval_s)
            await self._flush()
            if loop.time() - retained >= RETENTION_INTERVAL_S and not await self._retain():
                retained = loop.time()

    async def _flush(self) -> None:
        try:
            await asyncio.to_thread(self._settings.recorder.flush)
        except InsourceError:  # the calls stay in the spool, and the next drain finds them
            self._drain_failures += 1

    async def _retain(self) -> bool:
        """Remove some of the calls beyond the log's limits; return whether there are more."""
        settings = self._settings
        if settings.retention_days is None and settings.retention_gb is None:
            return False
        retain = partial(settings.recorder.retain, days=settings.retention_days, gb=settings.retention_gb)
        try:
            return (await asyncio.to_thread(retain)).more
        except InsourceError:
            self._drain_failures += 1
            return False

    async def _metrics(self, reply: HttpReply) -> None:
        names = [task.task.name for task in self._tasks.all]
        states = await asyncio.gather(*(asyncio.to_thread(task.state) for task in self._tasks.all))
        workspace = self._settings.recorder.database.path.parent
        checks = await asyncio.to_thread(newest_checks, workspace, names)
        body = exposition(dict(zip(names, states, strict=True)), checks)
        length = (b"content-length", str(len(body)).encode())
        await reply.start(200, [(b"content-type", CONTENT_TYPE), length])
        await reply.finish(body)

    async def _health(self, reply: HttpReply) -> None:
        tasks, live, recorder = self._tasks.all, self._live, self._settings.recorder
        # Whether an engine elsewhere is alive is asked over the network, so no other call may wait for it.
        states = await asyncio.gather(*(asyncio.to_thread(task.state) for task in tasks))
        dead = [task for task, told in zip(tasks, states, strict=True) if not told["engine"]["alive"]]
        answered = live.upstreams or all(task.cloud is not None for task in dead)
        state: dict[str, Any] = {"status": "ok" if not dead else "degraded" if answered else "down"}
        if tasks:
            state["tasks"] = {task.task.name: told for task, told in zip(tasks, states, strict=True)}
        state["upstreams"] = {
            name: {"kind": upstream.settings.kind, "under_way": len(upstream.pool.busy)}
            for name, upstream in live.upstreams.items()
        }
        state["log"] = {
            "lost": recorder.lost,
            "damaged": recorder.damaged,
            "drain_failures": self._drain_failures,
        }
        await reply.whole(503 if state["status"] == "down" else 200, msgspec.json.encode(state))
