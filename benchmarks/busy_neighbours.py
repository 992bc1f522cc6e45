"""Answer times of the engine beside processes that compute, by the setting of the engine's threads."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import httpx2
import numpy as np
from claims import Claims

from insource.models.catalogue import DEFAULT_MODEL, resolve
from insource.serving.engine import EngineSettings
from insource.serving.engines.llamacpp import ENVIRONMENT, LlamaCppEngine
from insource.serving.supervisor import usable_cores

TOKENS = 32
WARM, QUICK, FULL = 3, 8, 60
GIVE_UP_S = 60.0
"""A cell of a setting that collapses ends after that time, whatever it has answered."""
WITHIN = 3.0
SETTLE_S = 0.5
COMPUTE = "while True: sum(range(1000))"
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
    """How the engine's threads wait for each other; ``threads`` None: one a core."""

    name: str
    environment: Mapping[str, str]
    threads: int | None = None


class Neighbours(NamedTuple):
    """``sessions``: each process in a session of its own, else all in the session of this benchmark.

    The scheduler shares a core between sessions before it shares it between processes (autogroup).
    """

    name: str
    processes: int
    sessions: bool = False


SHIPPED = Setting("shipped", ENVIRONMENT)
OTHERS = (
    Setting("libgomp's default", {}),
    Setting("GOMP_SPINCOUNT=0", {"GOMP_SPINCOUNT": "0"}),
    Setting("GOMP_SPINCOUNT=10000", {"GOMP_SPINCOUNT": "10000"}),
    Setting("OMP_WAIT_POLICY=PASSIVE", {"OMP_WAIT_POLICY": "PASSIVE"}),
    Setting("one thread", ENVIRONMENT, threads=1),
)
IDLE = Neighbours("idle", 0)
BESIDE = (
    Neighbours("one, same session", 1),
    Neighbours("one, own session", 1, sessions=True),
    Neighbours("two, same session", 2),
    Neighbours("two, own sessions", 2, sessions=True),
)


def measure(claims: Claims, *, quick: bool) -> None:
    """State p50 and p99 of each cell; the shipped setting has the target."""
    for setting in (SHIPPED, *OTHERS):
        judged = setting is SHIPPED
        with engine(setting) as client:
            idle_s = 0.0
            for beside in (IDLE, *BESIDE):
                with computing(beside):
                    taken = times(client, QUICK if quick else FULL)
                p50, p99 = float(np.median(taken)), float(np.quantile(taken, 0.99))
                idle_s = idle_s or p50
                where = f"{setting.name}, {beside.name}"
                claims.add(f"{where}: p50", p50, "s")
                claims.add(f"{where}: p99", p99, "s", at_most=WITHIN * idle_s if judged else None)


@contextmanager
def engine(setting: Setting) -> Iterator[httpx2.Client]:
    settings = EngineSettings(
        gguf=resolve(DEFAULT_MODEL).gguf, context_tokens=512, threads=setting.threads or usable_cores()
    )
    with LlamaCppEngine(settings, environment=setting.environment) as running:
        headers = {"authorization": f"Bearer {running.api_key}"}
        with httpx2.Client(base_url=running.url, headers=headers, trust_env=False, timeout=600) as client:
            for number in range(WARM):
                answer(client, number)
            yield client


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


def times(client: httpx2.Client, count: int) -> list[float]:
    begun = time.perf_counter()
    taken: list[float] = []
    while len(taken) < count and time.perf_counter() - begun < GIVE_UP_S:
        taken.append(answer(client, WARM + len(taken)))
    return taken


def answer(client: httpx2.Client, number: int) -> float:
    """Return the seconds of one answer of ``TOKENS`` tokens to a prompt that was not asked before."""
    words = np.random.default_rng(number).choice(WORDS, 60)
    body = {"prompt": " ".join(words), "max_tokens": TOKENS, "temperature": 0, "ignore_eos": True}
    begun = time.perf_counter()
    client.post("/v1/completions", json=body).raise_for_status()
    return time.perf_counter() - begun
