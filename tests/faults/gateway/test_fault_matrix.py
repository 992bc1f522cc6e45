"""The fault matrix: the real `insource gateway` in its own process, in front of a provider that obeys.

The promise each cell keeps: every completely answered call is in the store exactly once, interrupted
ones are marked, and everything else is counted.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter

import httpx2
import pytest
from support.gateway_process import kill_with_drain
from support.loopback_server import LoopbackServer
from support.waiting import eventually, spooled

from insource.logs.recorder import Recorder
from insource.store.calls.calls import find_calls

COMMAND = [sys.executable, "-m", "insource.cli.main"]
PIECES = 20


def completion(text):
    message = {"role": "assistant", "content": text, "refusal": None}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o-mini",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
    }


def event(text, finish=None):
    delta = {"content": text} if text else {}
    chunk = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-4o-mini",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
    }
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


class ObedientProvider(LoopbackServer):
    """Does what the prompt says: ``answer NAME [after SECONDS]``, ``reset NAME after PIECES``."""

    def __init__(self):
        self.asked = Counter()
        self.hung_up = threading.Event()

    async def serve(self, reader, writer):
        try:
            await self._obey(reader, writer)
        finally:
            writer.transport.abort()

    async def _obey(self, reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    int(line.split(b":")[1])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length")
                )
                await self._answer(json.loads(await reader.readexactly(length)), writer)

    async def _answer(self, request, writer):
        order, name, *rest = request["messages"][-1]["content"].split()
        self.asked[name] += 1
        number = float(rest[1]) if rest else 0
        if not request.get("stream"):
            await asyncio.sleep(number)
            body = json.dumps(completion(f"done {name}")).encode()
            head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
            writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
            return
        head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        writer.write(head.encode())
        pause = number / PIECES if order == "answer" else 0.01
        try:
            for piece in range(PIECES):
                if order == "reset" and piece == number:
                    writer.transport.abort()
                    return
                await self._chunk(writer, event(f"{name}-{piece} "))
                await asyncio.sleep(pause)
            await self._chunk(writer, event("", "stop") + b"data: [DONE]\n\n")
            writer.write(b"0\r\n\r\n")
            await writer.drain()
        except ConnectionError:
            self.hung_up.set()
            raise

    async def _chunk(self, writer, data):
        if writer.transport.is_closing():
            raise ConnectionResetError
        writer.write(b"%x\r\n%b\r\n" % (len(data), data))
        await writer.drain()


@pytest.fixture
def provider():
    with ObedientProvider() as running:
        yield running


@contextlib.contextmanager
def gateway(folder, provider, *, settings=""):
    """The command in a process of its own; yields it and its base URL."""
    folder.mkdir(exist_ok=True)
    config = folder / "insource.toml"
    config.write_text(f'{settings}\n[upstreams.openai]\nbase_url = "http://127.0.0.1:{provider.port}/v1"\n')
    port = free_port()
    log = (folder / "gateway.log").open("ab")
    process = subprocess.Popen(
        [*COMMAND, "gateway", "--config", str(config), "--port", str(port)],
        stdout=log,
        stderr=subprocess.STDOUT,
        cwd=folder,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None, (folder / "gateway.log").read_text()
            time.sleep(0.1)
        yield process, url
    finally:
        process.kill()
        process.wait()
        log.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def body(prompt, *, stream=False):
    request = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": prompt}]}
    return request | ({"stream": True} if stream else {})


def ask(url, prompt, *, stream=False):
    return httpx2.post(
        f"{url}/v1/chat/completions",
        json=body(prompt, stream=stream),
        headers={"authorization": "Bearer sk-none"},
        trust_env=False,
        timeout=60,
    )


def health(url):
    with urllib.request.urlopen(f"{url}/health", timeout=10) as reply:
        return json.loads(reply.read())


def recovered(folder):
    """The calls by name after a restart, and how often each is in the store."""
    with Recorder.open(folder / ".insource") as recorder:
        recorder.flush()
        calls = find_calls(recorder.database)
    named = {call.request["messages"][0]["content"].split()[1]: call for call in calls}
    return named, Counter(call.request["messages"][0]["content"].split()[1] for call in calls)


def stored(folder):
    """How many calls the store has by now; none while it is being made."""
    store = f"file:{folder / '.insource' / 'insource.db'}?mode=ro"
    with (
        contextlib.suppress(sqlite3.OperationalError),
        contextlib.closing(sqlite3.connect(store, uri=True)) as database,
    ):
        return database.execute("SELECT count(*) FROM calls").fetchone()[0]
    return 0


# kill -9


@pytest.mark.parametrize("stream", [False, True])
def test_killed_while_the_provider_thinks(tmp_path, provider, stream):
    with gateway(tmp_path, provider) as (process, url):
        assert ask(url, "answer before").status_code == 200
        waiting = threading.Thread(
            target=lambda: suppressed(ask, url, "answer pending after 10", stream=stream)
        )
        waiting.start()
        eventually(lambda: provider.asked["pending"])
        if stream:
            eventually(lambda: spooled(tmp_path / ".insource", b"pending-0"))  # one piece of twenty is out
        os.kill(process.pid, signal.SIGKILL)
        waiting.join(20)
    calls, count = recovered(tmp_path)
    assert count == {"before": 1, "pending": 1}
    assert (calls["before"].outcome, calls["before"].response_text) == ("ok", "done before")
    assert calls["pending"].outcome == "interrupted"
    assert calls["pending"].partial == stream


def test_killed_while_the_request_is_still_coming(tmp_path, provider):
    with gateway(tmp_path, provider) as (process, url):
        connection = half_a_request(url)
        time.sleep(0.3)
        os.kill(process.pid, signal.SIGKILL)
        connection.close()
    _, count = recovered(tmp_path)
    assert (count, provider.asked) == ({}, {})  # nothing was asked of anybody


def test_killed_at_any_moment_of_any_call(tmp_path, provider):
    """Six clients, five kills at moments of their own choosing; every whole answer is there once."""
    answered, stop, urls = [], threading.Event(), {}

    def client(number):
        serial = 0
        while not stop.is_set():
            if (url := urls.get("now")) is None:
                time.sleep(0.01)
                continue
            serial += 1
            name = f"c{number}-{serial}"
            with contextlib.suppress(httpx2.HTTPError):
                stream = serial % 2 == 1
                reply = ask(url, f"answer {name} after 0.02", stream=stream)
                if reply.status_code == 200 and (not stream or b"[DONE]" in reply.content):
                    answered.append(name)

    clients = [threading.Thread(target=client, args=(number,)) for number in range(6)]
    for round_ in range(5):
        with gateway(tmp_path, provider) as (process, url):
            urls["now"] = url
            if round_ == 0:
                for one in clients:
                    one.start()
            goal = len(answered) + 12
            eventually(lambda goal=goal: len(answered) >= goal)
            time.sleep(0.037 * round_)
            os.kill(process.pid, signal.SIGKILL)
            urls.clear()
    stop.set()
    for one in clients:
        one.join(70)
    calls, count = recovered(tmp_path)
    assert len(answered) >= 60
    assert [name for name in answered if count[name] != 1] == []
    assert {calls[name].outcome for name in answered} == {"ok"}
    assert {name for name, call in calls.items() if call.outcome == "ok"} <= set(provider.asked)
    assert max(count.values()) == 1


# The store


def test_the_store_is_locked_for_a_while(tmp_path, provider):
    with gateway(tmp_path, provider) as (process, url):
        ask(url, "answer first")
        locker = sqlite3.connect(tmp_path / ".insource" / "insource.db", isolation_level=None)
        locker.execute("BEGIN EXCLUSIVE")
        for number in range(10):
            assert ask(url, f"answer locked-{number}").status_code == 200
        locker.execute("ROLLBACK")
        locker.close()
        process.terminate()
        assert process.wait(30) == 0
    _, count = recovered(tmp_path)
    assert count == Counter(["first", *[f"locked-{number}" for number in range(10)]])


def test_the_store_is_deleted_under_the_gateway(tmp_path, provider):
    with gateway(tmp_path, provider) as (process, url):
        ask(url, "answer first")
        eventually(lambda: stored(tmp_path) == 1)
        for file in (tmp_path / ".insource").glob("insource.db*"):
            file.unlink()
        for number in range(10):
            assert ask(url, f"answer later-{number}").status_code == 200
        eventually(lambda: stored(tmp_path) == 11)  # the first is in the spool still
        process.terminate()
        process.wait(30)
    _, count = recovered(tmp_path)
    assert count == Counter(["first", *[f"later-{number}" for number in range(10)]])


def test_two_gateways_share_one_store(tmp_path, provider):
    with gateway(tmp_path, provider) as (_, one), gateway(tmp_path, provider) as (_, other):

        def client(url, name):
            for number in range(25):
                assert ask(url, f"answer {name}-{number}").status_code == 200

        clients = [threading.Thread(target=client, args=pair) for pair in ((one, "a"), (other, "b"))]
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join(120)
    _, count = recovered(tmp_path)
    assert count == Counter(f"{name}-{number}" for name in "ab" for number in range(25))


# The disk


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", disk]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a small tmpfs needs root")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.mark.parametrize("policy", ["pass", "refuse"])
def test_the_disk_is_full(small_disk, provider, policy):
    with gateway(small_disk, provider, settings=f'[gateway]\non_log_failure = "{policy}"') as (process, url):
        replies = {"before": ask(url, "answer before").status_code}
        fill(small_disk)
        for number in range(3000):
            name = f"n{number}-{'x' * 4000}"
            replies[name] = ask(url, f"answer {name}").status_code
            if health(url)["log"]["lost"] >= 3:
                break
        lost = health(url)["log"]["lost"]
        (small_disk / "filler").unlink()
        process.terminate()
        process.wait(30)
    calls, count = recovered(small_disk)
    answered = [name for name, status in replies.items() if status == 200]
    # A lost call may have had room for its beginning: then it is there, but as interrupted.
    missing = [name for name in answered if name not in calls or calls[name].outcome != "ok"]
    assert max(count.values()) == 1
    assert calls["before"].outcome == "ok"
    assert lost >= 3
    if policy == "refuse":
        assert missing == []  # what could not be logged was refused
        assert 503 in replies.values()
    else:
        assert set(replies.values()) == {200}
        assert len(missing) == lost  # served, lost, and counted


def fill(disk):
    with (disk / "filler").open("wb", buffering=0) as file:
        for size in (1 << 16, 4096):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))


# Segments


@pytest.mark.parametrize("damage", ["flipped", "truncated"])
def test_a_damaged_segment_costs_what_it_hit_and_is_reported(tmp_path, provider, damage):
    names = [f"n{number}" for number in range(10)]
    with gateway(tmp_path, provider) as (process, url):
        locker = sqlite3.connect(tmp_path / ".insource" / "insource.db", isolation_level=None)
        locker.execute("BEGIN EXCLUSIVE")  # so that all ten are still in the segment
        for name in names:
            ask(url, f"answer {name}")
        kill_with_drain(process.pid)
        process.wait()
        locker.close()
    (segment,) = (tmp_path / ".insource" / "spool").glob("*.seg")
    data = bytearray(segment.read_bytes())
    if damage == "flipped":
        data[len(data) // 2] ^= 0xFF
    else:
        del data[-20:]
    segment.write_bytes(data)
    with gateway(tmp_path, provider) as (process, url):
        eventually(lambda: health(url)["log"]["damaged"] >= 1)
        process.terminate()
        process.wait(30)
    calls, count = recovered(tmp_path)
    assert max(count.values()) == 1
    whole = [name for name in names if name in calls and calls[name].outcome == "ok"]
    assert len(whole) == 9


# Clients and providers


def half_a_request(url):
    port = int(url.rpartition(":")[2])
    connection = socket.create_connection(("127.0.0.1", port), 5)
    head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    connection.sendall(f"{head}content-length: 1000\r\n\r\n".encode() + b'{"model":')
    return connection


def test_a_client_that_leaves_before_its_request_is_whole(tmp_path, provider):
    with gateway(tmp_path, provider) as (process, url):
        half_a_request(url).close()
        assert ask(url, "answer next").status_code == 200
        process.terminate()
        assert process.wait(30) == 0
    _, count = recovered(tmp_path)
    assert count == {"next": 1}
    assert provider.asked == {"next": 1}


def test_a_client_that_leaves_while_the_provider_thinks(tmp_path, provider):
    with gateway(tmp_path, provider) as (process, url):
        data = json.dumps(body("answer alone after 20")).encode()
        head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 5) as connection:
            connection.sendall(f"{head}content-length: {len(data)}\r\n\r\n".encode() + data)
            eventually(lambda: provider.asked["alone"])
        eventually(lambda: health(url)["upstreams"]["openai"]["under_way"] == 0)  # so nobody waits for it
        process.terminate()
        assert process.wait(30) == 0
    calls, count = recovered(tmp_path)
    assert count == {"alone": 1}
    assert (calls["alone"].outcome, calls["alone"].error) == ("interrupted", "the client hung up")


def test_a_client_that_leaves_during_the_stream(tmp_path, provider):
    with gateway(tmp_path, provider) as (process, url):
        request = httpx2.stream(
            "POST",
            f"{url}/v1/chat/completions",
            json=body("answer gone after 20", stream=True),
            trust_env=False,
            timeout=30,
        )
        with request as reply:
            next(reply.iter_raw())
        assert provider.hung_up.wait(20)  # the provider stops writing, and billing
        process.terminate()
        process.wait(30)
    calls, count = recovered(tmp_path)
    assert count == {"gone": 1}
    assert calls["gone"].outcome == "interrupted"
    assert calls["gone"].response_text.startswith("gone-0")


def test_a_client_that_leaves_with_the_last_byte(tmp_path, provider):
    with gateway(tmp_path, provider) as (process, url):
        for number in range(20):
            port = int(url.rpartition(":")[2])
            with socket.create_connection(("127.0.0.1", port), 5) as connection:
                data = json.dumps(body(f"answer n{number}")).encode()
                head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
                connection.sendall(f"{head}content-length: {len(data)}\r\n\r\n".encode() + data)
                while b"total_tokens" not in connection.recv(65536):
                    pass
        process.terminate()
        process.wait(30)
    calls, count = recovered(tmp_path)
    assert count == Counter(f"n{number}" for number in range(20))
    assert {call.outcome for call in calls.values()} == {"ok"}


def test_a_provider_that_resets_within_the_stream(tmp_path, provider):
    with gateway(tmp_path, provider) as (process, url):
        with contextlib.suppress(httpx2.HTTPError):
            reply = ask(url, "reset cut after 5", stream=True)
            assert b"[DONE]" not in reply.content
        process.terminate()
        process.wait(30)
    calls, count = recovered(tmp_path)
    assert (count, provider.asked) == ({"cut": 1}, {"cut": 1})  # and it was not asked again
    assert calls["cut"].outcome == "interrupted"
    assert calls["cut"].response_text == "".join(f"cut-{piece} " for piece in range(5))


def suppressed(call, *args, **kwargs):
    with contextlib.suppress(httpx2.HTTPError):
        call(*args, **kwargs)
