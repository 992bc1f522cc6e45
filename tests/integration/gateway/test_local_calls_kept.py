"""A call that a local model answers is in the log, whatever happens while the model works."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from support.gateway_kit import POLICY, SURE, TASK, Local, confidence
from support.waiting import eventually

from insource.gateway.server import GatewayServer
from insource.gateway.settings import GatewaySettings, PassThrough, TaskSettings
from insource.store.calls.calls import find_calls


@pytest.fixture
def model():
    model = Local()
    model.release.clear()
    yield model
    model.release.set()


@pytest.fixture
def server(recorder, model):
    task = TaskSettings(task=TASK, policy=POLICY, local=model, confidence=confidence)
    with GatewayServer(GatewaySettings(recorder=recorder, tasks=(task,))) as server:
        yield server


def ask(server, timeout_s=30.0):
    body = {"model": "specs", "messages": [{"role": "user", "content": SURE}]}
    return httpx2.post(f"{server.url}/chat/completions", json=body, timeout=timeout_s, trust_env=False)


def kept(recorder):
    recorder.flush()
    return [(call.outcome, call.error) for call in find_calls(recorder.database)]


def test_a_client_that_leaves_is_on_record_and_the_next_call_is_answered(server, recorder, model):
    with pytest.raises(httpx2.TimeoutException):
        ask(server, timeout_s=0.3)
    eventually(lambda: kept(recorder) == [("interrupted", "the client hung up")])
    model.release.set()
    assert ask(server).status_code == 200
    assert sorted(kept(recorder)) == [("interrupted", "the client hung up"), ("ok", "")]


def test_a_reload_ends_no_call_under_way(server, recorder, model):
    with ThreadPoolExecutor(1) as threads:
        answered = threads.submit(ask, server)
        eventually(lambda: model.asked)
        server._server._gateway.reload(PassThrough())
        model.release.set()
        assert answered.result(30).status_code == 200
    assert kept(recorder) == [("ok", "")]


def test_a_stop_waits_for_the_local_answer(recorder, model):
    task = TaskSettings(task=TASK, policy=POLICY, local=model, confidence=confidence)
    with (
        ThreadPoolExecutor(1) as threads,
        GatewayServer(GatewaySettings(recorder=recorder, tasks=(task,))) as server,
    ):
        answered = threads.submit(ask, server)
        eventually(lambda: model.asked)
        threading.Timer(0.3, model.release.set).start()
        server._server.should_exit = True
        assert answered.result(30).status_code == 200
    assert kept(recorder) == [("ok", "")]
