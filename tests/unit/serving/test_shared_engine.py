"""One engine for several adapters while it dies, is replaced and is stopped. The engines here are fakes."""

import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from insource.foundation.errors import ProviderError
from insource.models.engines.http import EngineHttp
from insource.models.protocol import Request
from insource.serving import shared_engine
from insource.serving.engine import EngineSettings
from insource.serving.shared_engine import MAX_RESTARTS, RESTARTS_COUNT_S, SharedEngine
from insource.types import Completion, Message

QUESTION = Request(messages=(Message(role="user", content="?"),), max_tokens=1)
A, B = Path("a.gguf"), Path("b.gguf")


class FakeEngine:
    """Answers with the file of the adapter that is asked for, until it is killed or stopped."""

    pid = None

    def __init__(self, settings, machine):
        self.settings, self._machine = settings, machine
        self.alive = False

    def start(self):
        self._machine.started.append(self)
        self._machine.starts.wait(5)
        self.alive = True

    def stop(self):
        self.alive = False

    def ends(self, within_s):
        return not self.alive

    def log_tail(self):
        return ()

    def client(self, name, adapter):
        return FakeClient(self, None if adapter is None else self.settings.adapters[adapter])


class FakeClient:
    def __init__(self, engine, adapter):
        self._engine, self._adapter = engine, adapter

    def generate(self, request):
        if not self._engine.alive:
            raise ProviderError("engine-unreachable", "It is dead.")
        return Completion(text=str(self._adapter), finish_reason="stop", model="m", latency_s=0.1)

    def close(self):
        pass


class Machine:
    """Where engines start: ``started`` has all of them; while ``starts`` is not set, a start takes on."""

    def __init__(self):
        self.started = []
        self.starts = threading.Event()
        self.starts.set()

    @property
    def running(self):
        return [engine for engine in self.started if engine.alive]

    def begins(self, count):
        while len(self.started) < count:
            time.sleep(0.001)


@pytest.fixture
def machine(monkeypatch):
    machine = Machine()
    monkeypatch.setattr(shared_engine, "engine_for", lambda settings: FakeEngine(settings, machine))
    return machine


@pytest.fixture
def shared(machine):
    shared = SharedEngine(EngineSettings(gguf=Path("base.gguf"), threads=1), {"a": A})
    shared.start()
    return shared


def refused(model):
    with pytest.raises(ProviderError):
        model.generate(QUESTION)


@pytest.mark.parametrize("change", ["new adapters", "a restart"])
def test_no_engine_outlives_a_stop_that_comes_while_it_starts(shared, machine, change):
    machine.starts.clear()
    if change == "new adapters":
        work = threading.Thread(target=shared.load, args=({"b": B},))
    else:
        machine.started[0].alive = False
        work = threading.Thread(target=refused, args=(shared.model("m", "a"),))
    work.start()
    machine.begins(2)
    shared.stop()
    machine.starts.set()
    work.join()
    assert machine.running == []


def test_another_number_of_threads_keeps_the_adapters_that_came_meanwhile(shared, machine):
    machine.starts.clear()
    load = threading.Thread(target=shared.load, args=({"b": B},))
    load.start()
    machine.begins(2)
    rethread = threading.Thread(target=shared._move)
    rethread.start()
    machine.starts.set()
    load.join()
    rethread.join()
    assert shared.model("m", "b").generate(QUESTION).text == str(B)
    assert len(machine.running) == 1


def test_restarts_count_for_an_hour_only(shared, machine, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(shared_engine, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    model = shared.model("m", "a")
    for _ in range(MAX_RESTARTS):
        shared.engine.alive = False
        assert model.generate(QUESTION).text == str(A)
    shared.engine.alive = False
    with pytest.raises(ProviderError) as caught:
        model.generate(QUESTION)
    assert caught.value.code == "engine-died"
    clock[0] += RESTARTS_COUNT_S
    assert model.generate(QUESTION).text == str(A)


def test_a_client_closed_with_its_engine_says_that_the_engine_is_gone():
    """A call that comes while an engine is replaced finds the old client: it has to be asked again."""
    http = EngineHttp("http://127.0.0.1:9")
    http.close()
    with pytest.raises(ProviderError) as caught:
        http.post("/v1/completions", {})
    assert caught.value.code == "engine-unreachable"
