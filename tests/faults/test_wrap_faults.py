"""What dying processes, forks, the garbage collector and full disks do to calls of a wrapped client."""

import gc
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter

import openai
import pytest
from support.fake_provider import Answer, fake_provider, stream
from support.provider_answers import CHAT_DOCUMENT, CHAT_STREAM, CHAT_TEXT, events

import insource
from insource.config.log import LogSection
from insource.logs import process_log
from insource.logs.recorder import Recorder
from insource.store.calls.calls import find_calls

ASK = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "How many volts?"}]}

START = """
import os, sys, signal, time
import insource
from openai import OpenAI

plain = OpenAI(base_url=sys.argv[1] + "/v1", api_key="k", max_retries=0)
client = insource.wrap(plain, root=sys.argv[2], task=sys.argv[3])
ask = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "How many volts?"}]}
"""
READ_A_STREAM = """
read = ""
for chunk in client.chat.completions.create(**ask, stream=True):
    read += chunk.choices[0].delta.content or ""
    if "word9 " in read:
        print("reading", flush=True)
"""
DIE_WITH_THE_ANSWER = """
client.chat.completions.create(**ask)
for chunk in client.chat.completions.create(**ask, stream=True):
    if chunk.usage:
        os.kill(os.getpid(), signal.SIGKILL)
"""
ASK_MANY = """
for number in range(25):
    client.chat.completions.create(**ask)
"""
FORK = """
client.chat.completions.create(**ask)
child = os.fork()
client.chat.completions.create(**ask, extra_headers={"x-insource-task": "child" if child == 0 else "parent"})
if child == 0:
    print("child", flush=True)
    time.sleep(60)
os.kill(os.getpid(), signal.SIGKILL)
"""


def chunks(*words):
    said = [{"model": "m", "choices": [{"index": 0, "delta": {"content": word}}]} for word in words]
    return events(*said)


@pytest.fixture
def provider():
    with fake_provider() as fake:
        yield fake


OPENED = []


@pytest.fixture(autouse=True)
def _connections_end_with_the_test():
    yield
    while OPENED:
        OPENED.pop().close()


def openai_client(provider, root, **options):
    plain = openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k")
    OPENED.append(insource.wrap(plain, root=root, **options))
    return OPENED[-1]


@pytest.fixture
def root(tmp_path):
    yield tmp_path / "log"
    process_log.close_logs()


def run(code, provider, root, task="t"):
    command = [sys.executable, "-c", START + code, provider.url, str(root), task]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def recorded(root):
    with Recorder.open(root) as recorder:
        recorder.flush()
        return find_calls(recorder.database)


def test_killed_in_the_middle_of_a_stream_the_partial_answer_is_there(provider, root):
    more = threading.Event()

    def pieces():
        yield chunks(*(f"word{number} " for number in range(12)))
        more.wait(60)

    provider.answer = Answer(pieces(), content_type="text/event-stream")
    with run(READ_A_STREAM, provider, root) as child:
        assert child.stdout.readline() == "reading\n"
        child.kill()
    more.set()
    [call] = recorded(root)
    assert (call.outcome, call.partial, call.streamed) == ("interrupted", True, True)
    assert call.response_text.startswith("word0 word1 ")
    assert "word9" in call.response_text
    assert (call.task, call.request["model"]) == ("t", "gpt-4o-mini")


def test_what_the_caller_has_is_on_record_with_its_end_whenever_the_process_dies(provider, root):
    def answer(seen):
        whole = Answer([json.dumps(CHAT_DOCUMENT).encode()])
        return stream(CHAT_STREAM, len(CHAT_STREAM)) if json.loads(seen.body).get("stream") else whole

    provider.answer = answer
    with run(DIE_WITH_THE_ANSWER, provider, root) as child:
        assert child.wait() == -signal.SIGKILL
    calls = recorded(root)
    assert [(call.outcome, call.response) for call in calls] == [("ok", CHAT_DOCUMENT)] * 2


def test_two_processes_share_a_store(provider, root):
    provider.answer = Answer([json.dumps(CHAT_DOCUMENT).encode()])
    children = [run(ASK_MANY, provider, root, task) for task in ("one", "two")]
    for child in children:
        with child:
            assert child.wait() == 0
    with Recorder.open(root) as recorder:  # they drained their spools when they ended
        calls = find_calls(recorder.database)
    assert Counter((call.task, call.outcome) for call in calls) == {("one", "ok"): 25, ("two", "ok"): 25}
    assert len({call.call_id for call in calls}) == 50


def test_a_forked_child_has_a_log_of_its_own_and_holds_none_of_its_parents(provider, root):
    provider.answer = Answer([json.dumps(CHAT_DOCUMENT).encode()])
    with run(FORK, provider, root) as parent:
        assert parent.stdout.readline() == "child\n"
        assert parent.wait() == -signal.SIGKILL
        # The child lives on, and does not keep its dead parent's calls from being drained.
        calls = recorded(root)
        [segment] = list((root / "spool").glob("*.seg"))
        os.kill(int(segment.name.split("-")[1]), signal.SIGKILL)
    assert Counter((call.task, call.outcome) for call in calls) == {
        ("t", "ok"): 1,
        ("parent", "ok"): 1,
        ("child", "ok"): 1,
    }


def test_the_garbage_collector_may_find_a_dropped_stream_while_the_log_is_being_written(provider, root):
    """Its finalizer runs in the very thread that holds the spool's lock; it must not wait for it."""
    provider.answer = stream(chunks(*("word " for _ in range(400))), 1000)
    client = openai_client(provider, root)
    spool = process_log.process_log(root.resolve(), "pass", LogSection()).recorder._spool
    dropped = [client.chat.completions.create(**ASK, stream=True)]
    dropped.append(dropped)  # only the collector finds it
    with spool._lock:
        del dropped
        gc.collect()
    process_log.close_logs()
    [call] = recorded(root)
    assert (call.outcome, call.error) == ("interrupted", "the caller stopped reading")


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", disk]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a small tmpfs needs root")
    yield disk
    process_log.close_logs()
    subprocess.run(["umount", "--lazy", disk], check=True)


def fill(disk):
    """Take all room there is, the reserve's too."""
    (disk / "log" / "spool" / "reserve").unlink()
    with (disk / "filler").open("wb", buffering=0) as file:
        for size in (1 << 16, 512, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def test_on_a_full_disk_refuse_answers_503_and_sends_nothing(small_disk, provider):
    provider.answer = Answer([json.dumps(CHAT_DOCUMENT).encode()])
    client = openai_client(provider, small_disk / "log", on_log_failure="refuse")
    fill(small_disk)
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(**ASK)
    assert (caught.value.status_code, caught.value.code) == (503, "spool-unwritable")
    assert "cannot be logged" in caught.value.message
    assert provider.seen == []


def test_on_a_full_disk_pass_lets_calls_go_on_and_tells_how_many_were_lost(small_disk, provider, caplog):
    provider.answer = stream(CHAT_STREAM)
    client = openai_client(provider, small_disk / "log")
    fill(small_disk)
    ask = ASK | {"messages": [{"role": "user", "content": "volts " * 2000}]}
    for _ in range(3):
        said = client.chat.completions.create(**ask, stream=True)
        first = [one.delta.content or "" for chunk in said for one in chunk.choices if one.index == 0]
        assert "".join(first) == CHAT_TEXT
    process_log.close_logs()
    assert "3 calls could not be written to the log" in caplog.text
