"""The gateway's server: loopback only, drained when it is told to stop."""

from __future__ import annotations

import errno
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import uvicorn

from insource.errors import PrerequisiteError
from insource.gateway.app import create_app
from insource.gateway.settings import GatewaySettings

HOST = "127.0.0.1"
DRAIN_S = 30
START_S = 10.0


def serve(
    settings: GatewaySettings, *, port: int, on_ready: Callable[[str], None] = lambda url: None
) -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests under way (at most ``DRAIN_S`` seconds).

    ``on_ready`` gets the base URL, which ends in ``/v1``. Port 0 takes a free one.

    Raises:
        PrerequisiteError: ``port-in-use``.
    """
    with _listening(port) as listener:
        url = _url(listener)
        _server(settings, lambda: on_ready(url)).run(sockets=[listener])


class GatewayServer:
    """A gateway in a thread of this process, between ``__enter__`` and ``__exit__``."""

    def __init__(self, settings: GatewaySettings, *, port: int = 0) -> None:
        self.url = ""
        self._settings = settings
        self._port = port
        self._ready = threading.Event()

    def __enter__(self) -> Self:
        self._listener = _listen(self._port)
        self._server = _server(self._settings, self._ready.set)
        self._thread = threading.Thread(target=self._run, name="insource-gateway", daemon=True)
        self._thread.start()
        self._ready.wait(START_S)
        if not self._server.started:
            self._stop()
            raise PrerequisiteError(
                "gateway-failed", "The gateway did not start.", hint="Run it by itself: insource gateway"
            )
        self.url = _url(self._listener)
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


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._on_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, without raising the signal again afterwards: the log has yet to be drained."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = {
            number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


def _server(settings: GatewaySettings, on_ready: Callable[[], None]) -> _Server:
    config = uvicorn.Config(
        create_app(settings),
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,  # the upstream's own headers go out, and no second set
        date_header=False,
        timeout_graceful_shutdown=DRAIN_S,
    )
    return _Server(config, on_ready)


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    listener = _listen(port)
    try:
        yield listener
    finally:
        listener.close()


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        raise PrerequisiteError(
            "port-in-use",
            f"Port {port} on {HOST} is taken: {error.strerror}.",
            hint="Choose another with `--port`, or 0 for any free one.",
        ) from error
    return listener


def _url(listener: socket.socket) -> str:
    return f"http://{HOST}:{listener.getsockname()[1]}/v1"
