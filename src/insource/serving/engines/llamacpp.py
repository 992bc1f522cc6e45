"""llama.cpp in a child process, so that a crash or an out-of-memory kill does not end this process."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from types import TracebackType
from typing import IO

from insource.foundation.cores import usable_cores
from insource.foundation.errors import PrerequisiteError, ProviderError, missing_extra
from insource.models.control_tokens import control_tokens_of
from insource.models.gguf_metadata import require_fit, require_sound
from insource.models.llamacpp import LlamaCppModel
from insource.serving.engine import EngineSettings
from insource.serving.memory import memory_sentence, require_memory

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 5.0

ENVIRONMENT = {"GOMP_SPINCOUNT": "1000"}
"""The engine's threads meet at a barrier many times a token and spin there. By default a thread spins for
milliseconds: where another process takes its core, all others burn theirs, and an answer of 0.4 s takes up to
40 s. After 1,000 turns (microseconds) it sleeps instead. `benchmarks/bench_serving.py` compares settings."""


class LlamaCppEngine:
    """One llama.cpp server. Use it as a context manager, or call ``start`` and ``stop``.

    ``environment`` is added to the child's.
    """

    def __init__(self, settings: EngineSettings, *, environment: Mapping[str, str] = ENVIRONMENT) -> None:
        self._settings = settings
        self._environment = environment
        self._api_key = secrets.token_urlsafe(24)
        self._process: subprocess.Popen[str] | None = None
        self._log: IO[bytes] | None = None
        self._url = ""

    @property
    def url(self) -> str:
        return self._url

    @property
    def api_key(self) -> str:
        return self._api_key

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def ends(self, within_s: float) -> bool:
        """Whether the process has ended, or ends within that many seconds."""
        try:
            if self._process is not None:
                self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the server and wait until it has loaded the model.

        Raises:
            PrerequisiteError: ``missing-extra``, ``not-enough-memory`` or ``port-in-use``.
            UserError: ``model-unreadable`` for a file that the engine must not read.
            ProviderError: ``engine-failed``, with the last lines of the engine's log.
        """
        if find_spec("xllamacpp") is None:
            raise missing_extra("Serving a model", "serve", "xllamacpp")
        for file in (self._settings.gguf, *self._settings.adapters):
            require_sound(file)
        for adapter in self._settings.adapters:
            require_fit(adapter, self._settings.gguf)
        require_memory(self._settings)
        if self._settings.port:
            require_free_port(self._settings.port)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", "insource.serving.engines.llamacpp_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=os.environ | self._environment,
            start_new_session=True,  # the parent handles Ctrl-C; closing the pipe stops the child
        )
        assert self._process.stdin is not None
        threads = self._settings.threads or usable_cores()
        settings = self._settings.model_dump(mode="json") | {"api_key": self._api_key, "threads": threads}
        self._process.stdin.write(json.dumps(settings) + "\n")
        self._process.stdin.flush()
        self._url = self._await_url()

    def _await_url(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], START_TIMEOUT_S)
        line = self._process.stdout.readline() if ready else ""
        answer = json.loads(line) if line.startswith("{") else {}
        if "url" in answer:
            return str(answer["url"])
        reason = answer.get("error") or (self.death() if ready else "it did not start in time")
        tail = self.log_tail()
        self.stop()
        raise ProviderError(
            "engine-failed",
            f"The local engine could not serve {self._settings.gguf.name}: {reason}.",
            details=(*tail, memory_sentence(self._settings)),
            hint="Fetch the file again if it is damaged, or free memory:\n"
            "      lower serving.context_tokens, or choose a smaller training.model.",
        )

    def client(self, name: str, adapter: int | None) -> LlamaCppModel:
        """Connect to one of the adapters, or to the base model alone for None."""
        scales = tuple(float(place == adapter) for place in range(len(self._settings.adapters)))
        control = control_tokens_of(self._settings.gguf)
        return LlamaCppModel(name, self._url, control, adapter_scales=scales, api_key=self._api_key)

    def death(self) -> str:
        """Say how the child ended."""
        code = None if self._process is None else self._process.wait(STOP_TIMEOUT_S)
        if code is None or code >= 0:
            return f"the process ended with code {code}"
        name = signal.Signals(-code).name
        if -code == signal.SIGKILL:
            return f"the process was killed ({name}), as the system does when memory runs out"
        return f"the process was ended by {name}"

    def log_tail(self, lines: int = 5) -> tuple[str, ...]:
        """Return the last lines of the engine's log, for error messages."""
        if self._log is None:
            return ()
        self._log.seek(0)
        return tuple(self._log.read().decode(errors="replace").strip().splitlines()[-lines:])

    def stop(self) -> None:
        """End the child: close its input, and kill it if it does not end in time."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin:
            with contextlib.suppress(BrokenPipeError):  # the child has already ended
                process.stdin.close()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()
        if self._log:
            self._log.close()
            self._log = None

    def __enter__(self) -> LlamaCppEngine:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def require_free_port(port: int, host: str = "127.0.0.1") -> None:
    """Check that no other program listens on the port of this address, which is IPv4, IPv6 or a name.

    Raises:
        PrerequisiteError: ``port-in-use``.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PrerequisiteError(
                "port-in-use",
                f"Port {port} on {host} is not available: {error.strerror}.",
                hint="Choose another with `--port`, or 0 for any free one.",
            ) from error
