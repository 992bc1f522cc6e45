"""Answer times of the engine beside processes that compute, by the setting of the engine's threads."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import numpy as np
from claims import Claims

from insource import Completion, Message, Request, ServedModel
from insource.models.catalogue import DEFAULT_MODEL, resolve
from insource.serving.engine import EngineSettings
from insource.serving.engines.llamacpp import ENVIRONMENT, LlamaCppEngine
from insource.serving.supervisor import usable_cores

Ask = Callable[[Request], Completion]

TOKENS = 32
WARM, QUICK, FULL = 3, 8, 60
GIVE_UP_S, QUICK_GIVE_UP_S = 60.0, 12.0
"""A cell of a setting that collapses ends after that time, whatever it has answered."""
WITHIN = 3.0
SETTLE_S = 0.5
NOTICE_S = 8.0
"""Seconds to move to fewer threads beside a neighbour."""
LONG = "%llguidance {}\nstart: /[a-z ]{400}/"  # no answer ends before its tokens are used up
# A neighbour ends with the benchmark, however that ends.
COMPUTE = "import os; parent = os.getppid()\nwhile os.getppid() == parent: sum(range(1000))"
WORDS = [
    "cabinet",
    "pump",
    "relay",
    "nominal",
    "supply",
    "frequency",
    "current",
    "input",
    "output",
    "rated",
    "phase",
    "module",
]


class Setting(NamedTuple):
    """How the engine's threads wait for each other, and how many they are.

    ``threads`` None: as Insource serves, with one for each core that others leave.
    """

    name: str
    environment: Mapping[str, str]
    threads: int | None


class Neighbours(NamedTuple):
    """``sessions``: each process in a session of its own, else all in the session of this benchmark.

    The scheduler shares a core between sessions before it shares it between processes (autogroup).
    """

    name: str
    processes: int
    sessions: bool = False


SHIPPED = Setting("shipped", ENVIRONMENT, None)
OTHERS = (
    Setting("libgomp's default", {}, usable_cores()),
    Setting("GOMP_SPINCOUNT=0", {"GOMP_SPINCOUNT": "0"}, usable_cores()),
    Setting("GOMP_SPINCOUNT=1000", ENVIRONMENT, usable_cores()),
    Setting("GOMP_SPINCOUNT=10000", {"GOMP_SPINCOUNT": "10000"}, usable_cores()),
    Setting("OMP_WAIT_POLICY=PASSIVE", {"OMP_WAIT_POLICY": "PASSIVE"}, usable_cores()),
    Setting("one thread", ENVIRONMENT, 1),
)
IDLE = Neighbours("idle", 0)
BESIDE = (
    Neighbours("one, same session", 1),
    Neighbours("one, own session", 1, sessions=True),
    Neighbours("two, same session", 2),
    Neighbours("two, own sessions", 2, sessions=True),
)


def measure(claims: Claims, *, quick: bool) -> None:
    """State p50 and p99 of each cell; the shipped setting has the target.

    Its engine starts on an idle machine, and its slowest answer until it has had the time to notice its
    neighbours is stated by itself.
    """
    count, give_up_s = (QUICK, QUICK_GIVE_UP_S) if quick else (FULL, GIVE_UP_S)
    for setting in (SHIPPED, *OTHERS):
        judged = setting is SHIPPED
        idle_s = 0.0
        for beside in (IDLE, *BESIDE):
            where = f"{setting.name}, {beside.name}"
            with served(setting) as ask, computing(beside):
                if judged and beside.processes:
                    noticing = times(ask, 1000, give_up_s=NOTICE_S)
                    claims.add(f"{where}: slowest while it notices", max(noticing), "s")
                taken = times(ask, count, give_up_s=give_up_s)
            p50, p99 = float(np.median(taken)), float(np.quantile(taken, 0.99))
            idle_s = idle_s or p50
            claims.add(f"{where}: p50", p50, "s")
            claims.add(f"{where}: p99", p99, "s", at_most=WITHIN * idle_s if judged else None)


@contextmanager
def served(setting: Setting) -> Iterator[Ask]:
    """Run the embedded model with this setting and yield what asks it."""
    settings = EngineSettings(gguf=resolve(DEFAULT_MODEL).gguf, context_tokens=512, threads=setting.threads)
    with ExitStack() as stack:
        if setting.threads is None:
            ask = stack.enter_context(ServedModel("shipped", settings, note=print)).generate
        else:
            engine = LlamaCppEngine(settings, environment=setting.environment)
            ask = stack.enter_context(engine).client(setting.name, None).generate
        for number in range(WARM):
            answer(ask, number)
        yield ask


@contextmanager
def computing(beside: Neighbours) -> Iterator[None]:
    command = [sys.executable, "-c", COMPUTE]
    running = [subprocess.Popen(command, start_new_session=beside.sessions) for _ in range(beside.processes)]
    try:
        if running:
            time.sleep(SETTLE_S)
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def times(ask: Ask, count: int, *, give_up_s: float = GIVE_UP_S) -> list[float]:
    begun = time.perf_counter()
    taken: list[float] = []
    while len(taken) < count and time.perf_counter() - begun < give_up_s:
        taken.append(answer(ask, WARM + len(taken)))
    return taken


def answer(ask: Ask, number: int) -> float:
    """Return the seconds of one answer of ``TOKENS`` tokens to a prompt that was not asked before."""
    words = " ".join(np.random.default_rng(number).choice(WORDS, 60))
    messages = (Message(role="user", content=words),)
    begun = time.perf_counter()
    ask(Request(messages=messages, max_tokens=TOKENS, grammar=LONG, top_logprobs=20))
    return time.perf_counter() - begun
