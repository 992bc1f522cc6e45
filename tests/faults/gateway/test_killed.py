"""A gateway that is killed or told to stop loses no answer that anybody has."""

import errno
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

import httpx2
import pytest
from support.waiting import eventually, spooled

from insource.gateway.server import GatewayServer
from insource.gateway.settings import GatewaySettings, TaskSettings
from insource.logs.recorder import Recorder
from insource.models.protocol import ModelInfo
from insource.store.calls.calls import find_calls
from insource.types import Completion, Policy, Task, Text

POLICY = Policy(
    threshold=0.5,
    basis="median",
    max_error=0.1,
    delta=0.05,
    calibration_n=9,
    expected_local_share=0.5,
    reason="test",
)


class Echo:
    info = ModelInfo(name="tuned", local=True)

    def generate(self, request):
        return Completion(text=request.messages[-1].content, model="tuned")


CHILD = """
import sys, time
from pathlib import Path
from insource.gateway.server import serve
from insource.gateway.settings import GatewaySettings, TaskSettings
from insource.logs.recorder import Recorder
from insource.models.protocol import ModelInfo
from insource.types import Completion, Policy, Task, Text


class Slow:
    info = ModelInfo(name="tuned", local=True)

    def generate(self, request):
        document = request.messages[-1].content
        if document.startswith("slow"):
            time.sleep(float(document.split()[1]))
        return Completion(text=document.upper(), model="tuned")


policy = Policy(threshold=0.5, basis="median", max_error=0.1, delta=0.05, calibration_n=9,
                expected_local_share=0.5, reason="test")
with Recorder.open(Path(sys.argv[1])) as recorder:
    own = TaskSettings(
        task=Task(name="echo", instruction="Echo.", output=Text()), policy=policy, local=Slow(),
        confidence=lambda completion: 0.9,
    )
    settings = GatewaySettings(recorder=recorder, tasks=(own,), drain_interval_s=float(sys.argv[2]))
    serve(settings, port=0, on_ready=lambda url: print(url, flush=True))
print("stopped", flush=True)
"""


@contextmanager
def gateway_process(folder, drain_interval_s):
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), str(drain_interval_s)], stdout=subprocess.PIPE, text=True
    )
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def ask(url, document, **more):
    body = {"model": "echo", "messages": [{"role": "user", "content": document}], **more}
    return httpx2.post(f"{url}/chat/completions", json=body, trust_env=False, timeout=20)


def calls_after_recovery(folder):
    """The calls in the store by document, and how many there are."""
    with Recorder.open(folder) as recorder:
        recorder.flush()
        calls = find_calls(recorder.database)
    return {call.request["messages"][0]["content"]: call for call in calls}, len(calls)


@pytest.mark.parametrize("drain_interval_s", [0.01, 60])
@pytest.mark.parametrize("streamed", [False, True])
def test_every_answered_call_survives_kill_9_exactly_once(tmp_path, drain_interval_s, streamed):
    with gateway_process(tmp_path, drain_interval_s) as (process, url):
        for number in range(20):
            reply = ask(url, f"document {number}", stream=streamed)
            assert f"DOCUMENT {number}".encode() in reply.content
        waiting = threading.Thread(target=ask_and_lose, args=(url, "slow 30"))
        waiting.start()
        eventually(lambda: spooled(tmp_path, b"slow 30"))
        os.kill(process.pid, signal.SIGKILL)
        waiting.join(20)
    calls, count = calls_after_recovery(tmp_path)
    assert count == 21
    assert all(calls[f"document {n}"].outcome == "ok" for n in range(20))
    assert calls["document 3"].response_text == "DOCUMENT 3"
    assert calls["document 3"].route.reason == "confident"
    assert calls["slow 30"].outcome == "interrupted"


def ask_and_lose(url, document):
    with pytest.raises(httpx2.HTTPError):
        ask(url, document)


def test_sigterm_finishes_what_is_under_way_and_drains(tmp_path):
    answers = []
    with gateway_process(tmp_path, 60) as (process, url):
        waiting = threading.Thread(target=lambda: answers.append(ask(url, "slow 1.5")))
        waiting.start()
        eventually(lambda: spooled(tmp_path, b"slow 1.5"))
        os.kill(process.pid, signal.SIGTERM)
        waiting.join(20)
        assert process.stdout.readline().strip() == "stopped"
        assert process.wait(10) == 0
    assert answers[0].json()["choices"][0]["message"]["content"] == "SLOW 1.5"
    calls, count = calls_after_recovery(tmp_path)
    assert (count, calls["slow 1.5"].outcome) == (1, "ok")
    assert not list((tmp_path / "spool").glob("*.seg"))


@pytest.mark.parametrize(("on_log_failure", "status"), [("pass", 200), ("refuse", 503)])
def test_a_full_disk_passes_or_refuses_as_configured(tmp_path, monkeypatch, on_log_failure, status):
    def full(fd, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    with Recorder.open(tmp_path, on_log_failure=on_log_failure) as recorder:
        own = TaskSettings(
            task=Task(name="echo", instruction="Echo.", output=Text()),
            policy=POLICY,
            local=Echo(),
            confidence=lambda completion: 0.9,
        )
        settings = GatewaySettings(recorder=recorder, tasks=(own,))
        with GatewayServer(settings) as server:
            with monkeypatch.context() as patch:
                patch.setattr("insource.store.spool.writer.os.write", full)
                reply = ask(server.url, "document")
            health = httpx2.get(server.url.removesuffix("/v1") + "/health", trust_env=False).json()
    assert reply.status_code == status
    assert health["log"]["lost"] == 1
    if status == 503:
        assert reply.json()["error"]["code"] == "spool-unwritable"
