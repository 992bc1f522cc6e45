"""Serve the pages on loopback, at an address that cannot be guessed, until a signal stops the server."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from secrets import token_urlsafe

import uvicorn

from insource.dashboard.app import Opening, create_app
from insource.dataset.review.workbench import Workbench
from insource.foundation.errors import PrerequisiteError
from insource.foundation.signals import stopping_by

HOST = "127.0.0.1"
STOP_S = 2
TOKEN_BYTES = 24


def serve(workbench: Workbench, opening: Opening, *, port: int, on_ready: Callable[[str], None]) -> None:
    """Serve the review until SIGINT or SIGTERM. Call ``on_ready`` with the address to open.

    Raises:
        PrerequisiteError: ``port-in-use``.
    """
    with _listening(port) as listener:
        chosen, token = listener.getsockname()[1], token_urlsafe(TOKEN_BYTES)
        app = create_app(workbench, opening, port=chosen, token=token)
        config = uvicorn.Config(
            app,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=STOP_S,
        )
        _ReviewServer(config, lambda: on_ready(f"http://{HOST}:{chosen}/{token}/")).run(sockets=[listener])


class _ReviewServer(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._on_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals as uvicorn does, but do not raise them again: a signal ends a review normally."""
        with stopping_by(self.handle_exit):
            yield


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            raise PrerequisiteError(
                "port-in-use",
                f"Port {port} on {HOST} is taken: {error.strerror}.",
                hint="Choose another port with `--port`; 0 picks a free port.",
            ) from error
        yield listener
