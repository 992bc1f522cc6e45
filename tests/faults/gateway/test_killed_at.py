"""`kill -9` at a chosen instruction of the real command: before, between and after what is written.

The child's Python wraps one function so that it kills its own process there (sitecustomize), so every
stage is hit at every run and the product has no switch for it.
"""

import asyncio
import contextlib
import json
import signal
import sqlite3
import threading
from collections import defaultdict

import httpx2
import pytest
from support.child_python import python_path
from support.gateway_process import WAIT_S, configure, kill_with_drain, recorded, running
from support.upstream_kit import STREAM_HEAD, RawUpstream, chunk, reply

CHAT = "/v1/chat/completions"
POINT = "INSOURCE_TEST_KILL"  # module:function, before or after, at which call of it
CUSTOM = f"""
import functools, importlib, itertools, os, signal, sys

where, when, number = os.environ["{POINT}"].split()
module, _, path = where.partition(":")
*owners, name = path.split(".")
owner = functools.reduce(getattr, owners, importlib.import_module(module))
real, calls = getattr(owner, name), itertools.count(1)

def die():
    if "insource.store.spool.drain_process" in sys.orig_argv:  # the gateway and its drain die together
        os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)

@functools.wraps(real)
def mortal(*args, **kwargs):
    last = next(calls) == int(number)
    if last and when == "before":
        die()
    result = real(*args, **kwargs)
    if last:
        die()
    return result

setattr(owner, name, mortal)
"""
TEXT = "one two three"
WHOLE = (
    b'{"id":"c","object":"chat.completion","model":"m","usage":{"prompt_tokens":3,"completion_tokens":2},'
    b'"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"%s"}}]}'
) % TEXT.encode()


def event(text, finish="null"):
    data = f'{{"choices":[{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":{finish}}}]}}'
    return f"data: {data}\n\n".encode()


PIECES = (event("two "), event("three"), event("", '"stop"') + b"data: [DONE]\n\n")


@pytest.fixture
def provider():
    """Its stream waits for the client to have a piece before it sends the next, so that none are joined."""
    had = defaultdict(lambda: threading.Semaphore(0))

    async def answer(asked):
        request = json.loads(asked.body)
        if not request["stream"]:
            yield reply(WHOLE)
            return
        yield STREAM_HEAD + b"\r\n" + chunk(event("one "))
        for piece in PIECES:
            await asyncio.to_thread(had[request["model"]].acquire, True, WAIT_S)
            yield chunk(piece)
        yield b"0\r\n\r\n"

    with RawUpstream(answer) as upstream:
        upstream.had = had
        yield upstream
        for pieces in had.values():  # nobody may be left who waits for one
            pieces.release(len(PIECES))


@contextlib.contextmanager
def mortal(folder, point):
    """The command, which dies at this point."""
    custom = folder / "custom"
    custom.mkdir(exist_ok=True)
    (custom / "sitecustomize.py").write_text(CUSTOM)
    with running(folder, python_path(custom) | {POINT: point}) as gateway:
        yield gateway


def ask(root, name, provider=None):
    """The answer's bytes; with a provider, those of a stream."""
    body = {"model": name, "messages": [{"role": "user", "content": name}], "stream": provider is not None}
    with (
        httpx2.Client(trust_env=False, timeout=WAIT_S) as client,
        client.stream("POST", root + CHAT, json=body) as answer,
    ):
        said = b""
        for piece in answer.iter_raw():
            said += piece
            if provider is not None:
                provider.had[name].release()
        return said


def restarted(folder):
    """The calls by model after a start and an orderly stop, none of them twice."""
    with running(folder) as gateway:
        gateway.send(signal.SIGTERM)
        assert gateway.ended() == 0
    calls = recorded(folder)
    named = {call.model_asked: call for call in calls}
    assert len(named) == len(calls)
    return named


BEGIN, CONNECT = "insource.logs.recorder:Recorder.begin_call", "insource.gateway.http.connections:Pool.send"
PIECE, END = "insource.logs.recorder:Recording.chunk", "insource.logs.recorder:Recording.end_call"
STAGES = [
    # where the second call dies; whether the provider was asked; what is on record of it
    (f"{BEGIN} before 2", False, None),
    (f"{BEGIN} after 2", False, ("interrupted", "")),
    (f"{CONNECT} before 2", False, ("interrupted", "")),
    (f"{END} before 2", True, ("interrupted", "")),
    (f"{END} after 2", True, ("ok", TEXT)),
]


@pytest.mark.parametrize(("point", "asked", "kept"), STAGES)
def test_killed_at_a_stage_of_a_call(tmp_path, provider, point, asked, kept):
    configure(tmp_path, provider)
    with mortal(tmp_path, point) as gateway:
        assert ask(gateway.root, "first") == WHOLE
        with pytest.raises(httpx2.HTTPError):  # nobody has the whole answer
            ask(gateway.root, "second")
        assert gateway.ended() == -signal.SIGKILL
    assert len(provider.seen) == 1 + asked
    calls = restarted(tmp_path)
    assert (calls["first"].outcome, calls["first"].response_text) == ("ok", TEXT)
    second = calls.get("second")
    assert (second and (second.outcome, second.response_text)) == kept


@pytest.mark.parametrize(
    ("point", "kept"),
    [
        (f"{PIECE} before 5", ("interrupted", "one ")),
        (f"{PIECE} after 5", ("interrupted", "one two ")),
        (f"{END} before 2", ("interrupted", TEXT)),
        (f"{END} after 2", ("ok", TEXT)),
    ],
)
def test_killed_at_a_stage_of_a_stream(tmp_path, provider, point, kept):
    """The first call has three pieces, so the fifth is the second one of the second call."""
    configure(tmp_path, provider)
    with mortal(tmp_path, point) as gateway:
        assert b"[DONE]" in ask(gateway.root, "first", provider)
        with pytest.raises(httpx2.HTTPError):
            ask(gateway.root, "second", provider)
        assert gateway.ended() == -signal.SIGKILL
    calls = restarted(tmp_path)
    assert (calls["first"].outcome, calls["first"].response_text) == ("ok", TEXT)
    second = calls["second"]
    outcome, text = kept
    assert second.outcome == outcome
    # The last word of a piece may wait for the next one, for redaction: what is there is a beginning.
    assert text.startswith(second.response_text.rstrip())
    assert second.response_text or text == "one "


@pytest.mark.parametrize(
    "point",
    [
        "insource.store.spool.drain:insert_rows before 1",
        "insource.store.spool.drain:insert_rows after 1",
        "insource.store.spool.drain:record_progress after 1",
        "insource.store.spool.drain:_drain_segment after 1",
        "insource.store.spool.drain:forget before 1",
        "insource.store.spool.drain:forget after 1",
    ],
)
def test_killed_while_it_drains(tmp_path, provider, point):
    """Ten calls wait in the segment of a dead gateway, and the next one dies while it brings them in."""
    configure(tmp_path, provider)
    names = [f"call-{number}" for number in range(10)]
    with running(tmp_path) as gateway:
        locker = sqlite3.connect(tmp_path / ".insource" / "insource.db", isolation_level=None)
        locker.execute("BEGIN EXCLUSIVE")  # so that all ten are still in the segment
        for number, name in enumerate(names):
            assert ask(gateway.root, name, provider if number % 2 else None)
        kill_with_drain(gateway.pid)
        gateway.ended()
        locker.close()
    with mortal(tmp_path, point) as gateway:
        assert gateway.ended() == -signal.SIGKILL
    calls = restarted(tmp_path)
    assert sorted(calls) == sorted(names)
    assert {(call.outcome, call.response_text) for call in calls.values()} == {("ok", TEXT)}
    assert not list((tmp_path / ".insource" / "spool").glob("*.seg"))
