"""The gateway's server. It finishes calls before it stops, and SIGHUP reloads it without losing a call."""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import uvicorn

from insource.foundation.errors import PrerequisiteError
from insource.foundation.signals import stopping_by
from insource.gateway.app import Gateway, create_app
from insource.gateway.http.caller import CallerProtocol
from insource.gateway.settings import GatewaySettings, PassThrough

HOST = "127.0.0.1"
DRAIN_S = 30
START_S = 10.0
# Longer than clients keep an unused connection (httpx 5 s, Go 90 s). If the gateway closed it first, a
# request sent at that moment would be lost.
KEEP_ALIVE_S = 120

Reload = Callable[[], PassThrough | None]


def serve(
    settings: GatewaySettings,
    *,
    port: int,
    host: str = HOST,
    on_ready: Callable[[str], None] = lambda url: None,
    on_stop: Callable[[int], None] = lambda under_way: None,
    reload: Reload = lambda: None,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests under way (at most ``DRAIN_S`` seconds).

    ``on_ready`` gets the base URL, which ends in ``/v1``. ``on_stop`` gets the number of requests under way.
    Port 0 takes a free port. SIGHUP calls ``reload`` in a thread. The settings it returns apply to the calls
    that come after it; None changes nothing.

    Raises:
        PrerequisiteError: ``port-in-use``.
    """
    with listening(host, port) as listener:
        url = url_of(listener)
        _GatewayServer(create_app(settings), lambda: on_ready(url), on_stop, reload).run(sockets=[listener])


class GatewayServer:
    """A gateway in a thread of this process; use it as a context manager."""

    def __init__(self, settings: GatewaySettings, *, port: int = 0) -> None:
        self.url = ""
        self._settings = settings
        self._port = port
        self._ready = threading.Event()

    def __enter__(self) -> Self:
        self._listener = _listen(HOST, self._port)
        self._server = _GatewayServer(create_app(self._settings), self._ready.set)
        self._thread = threading.Thread(target=self._run, name="insource-gateway", daemon=True)
        self._thread.start()
        self._ready.wait(START_S)
        if not self._server.started:
            self._stop()
            raise PrerequisiteError(
                "gateway-failed", "The gateway did not start.", hint="Run it by itself: insource gateway"
            )
        self.url = url_of(self._listener)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._listener])
        finally:
            self._ready.set()

    def _stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()


class PlainServer(uvicorn.Server):
    """Serves an ASGI application and says nothing; ``on_ready`` is called when it listens."""

    def __init__(self, app: Any, on_ready: Callable[[], None]) -> None:
        logging.getLogger("uvicorn.error").addFilter(_is_a_defect)
        config = uvicorn.Config(
            app,
            http=CallerProtocol,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,  # the answer has the upstream's own headers
            date_header=False,
            proxy_headers=False,  # the client's address is not used; forwarded headers belong to the upstream
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=DRAIN_S,
        )
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._on_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do as uvicorn does, but do not raise the signal again: the log is still to be drained."""
        with stopping_by(self.handle_exit):
            yield


class _GatewayServer(PlainServer):
    def __init__(
        self,
        gateway: Gateway,
        on_ready: Callable[[], None],
        on_stop: Callable[[int], None] = lambda under_way: None,
        reload: Reload = lambda: None,
    ) -> None:
        super().__init__(gateway, on_ready)
        self._gateway = gateway
        self._on_stop = on_stop
        self._reload = reload
        self._reloading: asyncio.Task[None] | None = None
        self._asked_again = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if threading.current_thread() is threading.main_thread():
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._hang_up)
        await super().startup(sockets=sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stop(len(self.server_state.tasks))
        await super().shutdown(sockets=sockets)

    def _hang_up(self) -> None:
        self._asked_again = True
        if self._reloading is None or self._reloading.done():
            self._reloading = asyncio.create_task(self._read_again())

    async def _read_again(self) -> None:
        while self._asked_again:  # a signal that comes during a reload asks for one more
            self._asked_again = False
            settings = await asyncio.to_thread(self._reload)
            if settings is not None:
                self._gateway.reload(settings)


def _is_a_defect(record: logging.LogRecord) -> bool:
    """Return False for two messages of uvicorn that do not mean a defect.

    The gateway leaves an answer without an end when the upstream did, and uvicorn then closes the connection.
    A second Ctrl-C cancels the calls under way, and these are recorded as interrupted.
    """
    cancelled = record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError)
    return not cancelled and "returned without completing response" not in record.getMessage()


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Open a socket that listens. Raises ``PrerequisiteError`` (``port-in-use``)."""
    listener = _listen(host, port)
    try:
        yield listener
    finally:
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        known = (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL)
        if error.errno not in known and not isinstance(error, socket.gaierror):  # gaierror: no such name
            raise
        raise PrerequisiteError(
            "port-in-use",
            f"Port {port} on {host} is not available: {error.strerror}.",
            hint="Choose another with `--port`, or 0 for any free one.\n"
            "      The address has to be one of this machine.",
        ) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the base URL behind a listening socket, with the version as clients expect it."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/v1"
