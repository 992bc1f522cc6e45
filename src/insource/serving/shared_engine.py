"""One engine for several models: the base model and its adapters, each by its name.

A dead engine is replaced, a limited number of times. New adapters are served without an interruption: a new
engine takes over when it is ready (blue/green), and the old one stops after its last answer.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from insource.foundation.errors import InsourceError, ProviderError
from insource.models.engines.label_shares import LabelShares
from insource.models.engines.protocol import EngineModel
from insource.models.llamacpp import LlamaCppModel
from insource.models.protocol import ModelInfo, Request
from insource.serving.busy import Busy, SlowAnswers, between, computed_s, look, sample
from insource.serving.engine import Engine, EngineSettings
from insource.serving.engines.choose import engine_for
from insource.serving.threads import ThreadChoice
from insource.types import Completion, Message

Answer = TypeVar("Answer")
Say = Callable[[str], None]

MAX_RESTARTS, RESTARTS_COUNT_S = 2, 3600.0
"""A server runs for months, so a restart of an hour ago says nothing about the engine of today."""
GRACE_S = 2.0  # a dying process closes its sockets before its end is visible


class SharedEngine:
    """Use it as a context manager. ``adapters`` are files by the name of their model.

    ``on_restart`` is called when a dead engine is replaced, ``note`` with what slows the answers down.

    Examples:
        >>> from pathlib import Path
        >>> from insource.serving.engine import EngineSettings
        >>> from insource.serving.shared_engine import SharedEngine
        >>> settings = EngineSettings(gguf=Path("base.gguf"), threads=2)
        >>> with SharedEngine(settings, {"specs@1": Path("specs.gguf")}) as shared:  # doctest: +SKIP
        ...     shared.model("specs@1")
        ...     shared.load({"specs@2": Path("better.gguf")})
    """

    def __init__(
        self,
        settings: EngineSettings,
        adapters: Mapping[str, Path],
        *,
        on_restart: Say = lambda reason: None,
        note: Say = lambda text: None,
    ) -> None:
        self._settings = settings
        self._adapters = dict(adapters)
        self._on_restart = on_restart
        self._note = note
        self._slow = SlowAnswers()
        self._threads: ThreadChoice | None = None
        self._restarted_at: deque[float] = deque(maxlen=MAX_RESTARTS)
        self._lock = threading.Lock()  # of what runs
        self._changing = threading.Lock()  # of the one that replaces it
        self._running: _Running | None = None

    @property
    def engine(self) -> Engine:
        """The engine that runs now.

        Raises:
            ProviderError: ``engine-unreachable``.
        """
        return self._current().engine

    @property
    def adapters(self) -> Mapping[str, Path]:
        """The adapters that are served, by the name of their model."""
        return dict(self._adapters)

    def start(self) -> None:
        """Start the engine. Raises as the engine does."""
        if self._settings.kind == "llamacpp" and self._settings.threads is None:
            busy = look()
            self._threads = ThreadChoice(busy)
            if busy:
                self._note(_said(busy, self._threads.threads))
        self._running = self._started(self._adapters)

    def stop(self) -> None:
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            running.stop()

    def model(self, name: str, adapter: str | None) -> AdapterModel:
        """Return the model called ``name``: one of the adapters, or the base model alone for None.

        Raises:
            KeyError: there is no such adapter.
        """
        if adapter is not None and adapter not in self._adapters:
            raise KeyError(adapter)
        return AdapterModel(name, self, adapter)

    def client(self, adapter: str | None) -> EngineModel:
        """Return the client of the engine that runs now, without restarts.

        Raises:
            ProviderError: ``engine-unreachable``, ``engine-lacks-model``.
        """
        return self._current().client(adapter)

    def load(self, adapters: Mapping[str, Path]) -> None:
        """Serve these adapters from now on; requests that run end on the engine that has them.

        Raises as ``start``; the old adapters are then still served. After ``stop``, nothing is.
        """
        self._move(adapters)

    def _move(self, adapters: Mapping[str, Path] | None = None) -> None:
        """Let a new engine take over, with these adapters or those that are served then."""
        with self._changing:
            chosen = dict(self._adapters if adapters is None else adapters)
            old = self._take_over(chosen)
        if old is not None:
            old.drain()
            old.stop()

    def _take_over(self, adapters: dict[str, Path]) -> _Running | None:
        """Start an engine and make it the one that runs; return the one before. Call it while changing.

        If ``stop`` comes first, no engine outlives it, and the answer is None.
        """
        old = self._running
        if old is None:
            return None
        new = self._started(adapters)
        with self._lock:
            stopped = self._running is not old
            if not stopped:
                self._running, self._adapters = new, adapters
        if stopped:
            new.stop()
        return None if stopped else old

    def ask(self, adapter: str | None, ask: Callable[[EngineModel], Answer]) -> Answer:
        """Ask a client of the engine; if the engine dies over it, ask its replacement.

        Raises:
            ProviderError: ``engine-died`` after ``MAX_RESTARTS`` replacements within an hour,
                ``engine-lacks-model`` for an adapter that is no longer served, else the engine's own error.
        """
        while True:
            with self._used() as running:
                try:
                    return self._watched(running, lambda: ask(running.client(adapter)))
                except ProviderError as error:
                    grace_s = GRACE_S if error.code == "engine-unreachable" else 0.0
                    if not running.engine.ends(grace_s):
                        raise
                    died = error
            self._replace(running, died)

    def label_shares(
        self, adapter: str | None, request: Request, labels: tuple[str, ...], stop: int, answer: Completion
    ) -> LabelShares:
        """Return the probabilities of labels by one of the adapters.

        Raises:
            ProviderError: ``engine-cannot`` for engines other than llama.cpp's; and as ``ask``.
        """

        def shares(model: EngineModel) -> LabelShares:
            if not isinstance(model, LlamaCppModel):
                raise ProviderError("engine-cannot", "The engine does not tell the probabilities of tokens.")
            return model.label_shares(request, labels, stop, answer)

        return self.ask(adapter, shares)

    def _watched(self, running: _Running, ask: Callable[[], Answer]) -> Answer:
        pid = running.engine.pid
        if pid is None:  # an engine elsewhere: what it computes cannot be told from what others do
            return ask()
        own = (pid, os.getpid())
        before, own_s = sample(), computed_s(own)
        answer = ask()
        after = sample()
        if isinstance(answer, Completion) and before and after:
            busy = between(before, after, computed_s(own) - own_s)
            tokens = answer.usage.output_tokens or 1
            took_s = after.at_s - before.at_s
            if said := self._slow.note(took_s, tokens, busy):
                self._note(said)
            with self._lock:
                changed = self._threads.answered(took_s, busy) if self._threads else None
            if changed:
                self._rethread(changed)
        return answer

    def _replace(self, dead: _Running, error: ProviderError) -> None:
        with self._changing:
            if self._running is not dead:
                return  # another thread was faster
            tail = dead.engine.log_tail()
            now, tries = time.monotonic(), self._restarted_at
            if len(tries) == MAX_RESTARTS and now - tries[0] < RESTARTS_COUNT_S:
                raise ProviderError(
                    "engine-died",
                    f"The local engine died {MAX_RESTARTS + 1} times; the last time: {error.message}",
                    details=tail,
                    hint="Completed work is kept. Check the free memory, then run the same command again.",
                ) from error
            tries.append(now)
            self._on_restart(error.message)
            dead.stop()
            self._take_over(self._adapters)

    def _started(self, adapters: Mapping[str, Path]) -> _Running:
        changed: dict[str, object] = {"adapters": tuple(adapters.values())}
        if self._threads is not None:
            changed["threads"] = self._threads.threads
        engine = engine_for(self._settings.model_copy(update=changed))
        engine.start()
        return _Running(engine, tuple(adapters))

    def _rethread(self, busy: Busy) -> None:
        """Move to an engine with another number of threads, in the background; the answers go on."""

        def move() -> None:
            try:
                self._move()
            except InsourceError as error:
                self._note(f"The engine keeps its threads: {error.message}")

        assert self._threads is not None
        self._note(_said(busy, self._threads.threads))
        threading.Thread(target=move, name="insource-rethread", daemon=True).start()

    def _current(self) -> _Running:
        if self._running is None:
            raise ProviderError("engine-unreachable", "The local engine is not running.")
        return self._running

    @contextmanager
    def _used(self) -> Iterator[_Running]:
        with self._lock:
            running = self._current()
            running.begin()
        try:
            yield running
        finally:
            running.end()

    def __enter__(self) -> SharedEngine:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _said(busy: Busy, threads: int) -> str:
    return (
        f"The engine computes with {threads} of {busy.of} threads: {busy.sentence}, "
        "and a thread whose core is taken would hold up the others."
    )


class AdapterModel:
    """One model of a shared engine; many threads may ask it."""

    def __init__(self, name: str, shared: SharedEngine, adapter: str | None) -> None:
        self._info = ModelInfo(name=name, local=True)
        self._shared = shared
        self._adapter = adapter

    @property
    def info(self) -> ModelInfo:
        return self._info

    @property
    def alive(self) -> bool:
        """Whether the engine runs."""
        return self._shared.engine.alive

    def generate(self, request: Request) -> Completion:
        """Return the answer, by this model's name. Raises as ``SharedEngine.ask``."""
        completion = self._shared.ask(self._adapter, lambda model: model.generate(request))
        return completion.model_copy(update={"model": self._info.name})

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return how many tokens a prompt has. Raises as ``SharedEngine.ask``."""
        return self._shared.ask(self._adapter, lambda model: model.count_tokens(messages))

    def label_shares(
        self, request: Request, labels: tuple[str, ...], stop: int, answer: Completion
    ) -> LabelShares:
        """Return the probabilities of the labels as the answer to a request; ``stop`` ends each.

        Raises:
            ProviderError: ``engine-cannot`` for engines other than llama.cpp's; else as ``generate``.
        """
        return self._shared.label_shares(self._adapter, request, labels, stop, answer)


class _Running:
    """An engine with its clients, and how many requests it is answering."""

    def __init__(self, engine: Engine, adapters: tuple[str, ...]) -> None:
        self.engine = engine
        self._places = {name: place for place, name in enumerate(adapters)}
        self._clients: dict[str | None, EngineModel] = {}
        self._answering = 0
        self._changed = threading.Condition()

    def client(self, adapter: str | None) -> EngineModel:
        with self._changed:
            if adapter not in self._clients:
                self._clients[adapter] = self.engine.client(adapter or "base", self._place(adapter))
            return self._clients[adapter]

    def _place(self, adapter: str | None) -> int | None:
        if adapter is None:
            return None
        if adapter not in self._places:
            raise ProviderError(
                "engine-lacks-model",
                f"The adapter {adapter} is no longer served; there are {', '.join(self._places) or 'none'}.",
                hint="Ask for one of them.",
            )
        return self._places[adapter]

    def begin(self) -> None:
        with self._changed:
            self._answering += 1

    def end(self) -> None:
        with self._changed:
            self._answering -= 1
            self._changed.notify_all()

    def drain(self) -> None:
        """Wait until no request is answered any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._answering == 0)

    def stop(self) -> None:
        for client in self._clients.values():
            client.close()
        self.engine.stop()
