"""The wall clock jumps under the real command: every call is there once, and no duration knows of it.

The child's Python reads a wall clock that is set by a file; its monotonic clock is the machine's own.
"""

import asyncio
import json
import os
import signal
import threading
from collections import defaultdict
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from support.child_python import python_path
from support.gateway_process import WAIT_S, configure, recorded, running
from support.upstream_kit import STREAM_HEAD, RawUpstream, chunk

from insource.logs.query import Log

OFFSET = "INSOURCE_TEST_CLOCK"
CUSTOM = f"""
import os, time
from datetime import timedelta

def offset_s(path=os.environ["{OFFSET}"]):
    with open(path) as file:
        return int(file.read() or 0)

time_ns, real_time = time.time_ns, time.time
time.time_ns = lambda: time_ns() + offset_s() * 10**9
time.time = lambda: real_time() + offset_s()

from insource.foundation.clock import SystemClock
now = SystemClock.now
SystemClock.now = lambda self: now(self) + timedelta(seconds=offset_s())
"""
DAY_S = 24 * 3600
PIECES = ["one ", "two ", "three"]


class Jumping:
    """A folder whose gateway reads this clock, and a provider that says a piece each time it is let."""

    def __init__(self, folder, upstream):
        self.folder = folder
        self.upstream = upstream
        self._offset = folder / "offset"
        custom = folder / "custom"
        custom.mkdir()
        (custom / "sitecustomize.py").write_text(CUSTOM)
        self.env = python_path(custom) | {OFFSET: str(self._offset)}
        self.to(0)

    def to(self, seconds):
        """From now on the wall clock is this far from the machine's."""
        draft = self._offset.with_name("draft")
        draft.write_text(str(seconds))
        draft.replace(self._offset)


@pytest.fixture
def clock(tmp_path):
    steps = defaultdict(lambda: threading.Semaphore(0))  # a call its own: one that was killed still waits

    async def answer(asked):
        step = steps[json.loads(asked.body)["model"]]
        yield STREAM_HEAD + b"\r\n"
        for piece in PIECES:
            await asyncio.to_thread(step.acquire, True, WAIT_S)
            event = b'data: {"choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":null}]}\n\n'
            yield chunk(event % piece.encode())
        end = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
        yield chunk(end) + b"0\r\n\r\n"

    with RawUpstream(answer) as upstream:
        configure(tmp_path, upstream)
        clock = Jumping(tmp_path, upstream)
        clock.steps = steps
        yield clock
        for step in steps.values():  # nobody may be left who waits for one
            step.release(len(PIECES))


@contextmanager
def streaming(root, name):
    body = {"model": name, "stream": True, "messages": [{"role": "user", "content": name}]}
    with (
        httpx2.Client(trust_env=False, timeout=WAIT_S) as client,
        client.stream("POST", f"{root}/v1/chat/completions", json=body) as answer,
    ):
        yield answer.iter_raw()


def heard(clock, root, name, jumps=()):
    """One streamed call; before its second and third piece the clock may jump."""
    with streaming(root, name) as pieces:
        clock.steps[name].release()
        said = [next(pieces)]
        for jump in jumps:
            clock.to(jump)
            clock.steps[name].release()
            said.append(next(pieces))
        for _ in PIECES[1 + len(jumps) :]:
            clock.steps[name].release()
        assert b"[DONE]" in b"".join([*said, *pieces])


def test_a_clock_that_jumps_forward_and_back(clock):
    began = datetime.now(UTC)
    with running(clock.folder, clock.env) as gateway:
        heard(clock, gateway.root, "before")
        heard(clock, gateway.root, "forward", jumps=(DAY_S, DAY_S))
        heard(clock, gateway.root, "tomorrow")
        heard(clock, gateway.root, "to and fro", jumps=(-2 * DAY_S, 3 * DAY_S))
        heard(clock, gateway.root, "back", jumps=(-DAY_S,))
        heard(clock, gateway.root, "yesterday")
        gateway.send(signal.SIGTERM)
        assert gateway.ended() == 0
    passed_s = (datetime.now(UTC) - began).total_seconds()
    calls = {call.model_asked: call for call in recorded(clock.folder)}
    assert len(recorded(clock.folder)) == len(calls) == 6
    for call in calls.values():
        assert (call.outcome, call.response_text) == ("ok", "one two three")
        assert 0 < call.first_token_s <= call.latency_s < passed_s
        assert 0 < call.token_gap_s < passed_s
    with Log(clock.folder / ".insource") as log:
        listed = [call.model_asked for call in log.calls()]
        days = {line.group["day"]: line.calls for line in log.stats("day")}
        today = log.calls(since=began - timedelta(hours=1), until=began + timedelta(hours=1))
        assert {call.model_asked for call in today} == {"before", "forward"}
    # By the clock's own word: a call is where the wall clock stood when it began.
    by_the_wall = ["yesterday", "before", "forward", "tomorrow", "to and fro", "back"]
    assert sorted(listed, key=by_the_wall.index) in (listed, listed[::-1])
    assert sum(days.values()) == 6
    assert len(days) == 4


@pytest.mark.parametrize("jump", [DAY_S, -DAY_S])
def test_killed_after_a_jump_and_started_after_another(clock, jump):
    """Segments of both times are recovered; what was answered is there once, what was not is interrupted."""
    with running(clock.folder, clock.env) as gateway:
        heard(clock, gateway.root, "first")
        clock.to(jump)
        heard(clock, gateway.root, "second")
        with streaming(gateway.root, "cut") as pieces:
            clock.steps["cut"].release()
            next(pieces)
            os.kill(gateway.pid, signal.SIGKILL)
    clock.to(-jump)
    with running(clock.folder, clock.env) as gateway:
        heard(clock, gateway.root, "third")
        gateway.send(signal.SIGTERM)
        assert gateway.ended() == 0
    calls = recorded(clock.folder)
    outcomes = {call.model_asked: call.outcome for call in calls}
    assert outcomes == {"first": "ok", "second": "ok", "cut": "interrupted", "third": "ok"}
    assert len(calls) == 4
    assert len({call.call_id for call in calls}) == 4
    assert all(call.latency_s is None or 0 <= call.latency_s < 600 for call in calls)
    with Log(clock.folder / ".insource") as log:
        assert sum(line.calls for line in log.stats("day")) == 4
