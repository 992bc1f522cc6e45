"""A local engine that is killed: the evaluation goes on, and when it cannot, nothing is lost."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from insource.evaluation.run import evaluate, read_journal
from insource.foundation.errors import PrerequisiteError, ProviderError, UserError
from insource.models.protocol import Request
from insource.serving.engine import EngineSettings
from insource.serving.engines.llamacpp import LlamaCppEngine, require_free_port
from insource.serving.memory import PROMPT_CACHE_BYTES, need
from insource.serving.supervisor import MAX_RESTARTS, ServedModel, usable_cores
from insource.types import Message, Score


@pytest.fixture
def settings(embedded_model):
    return EngineSettings(gguf=embedded_model.gguf, threads=usable_cores(), context_tokens=512)


@pytest.fixture
def examples(rows):
    return rows.examples(rows.tickets(6))


@pytest.fixture
def ask(label_task):
    def request(example):
        return Request(messages=label_task.messages(example.input), max_tokens=4)

    return request


def score(example, completion):
    return Score(slots=(), parsed=True, repairable=True, schema_valid=True, canonical=True, exact=False)


def kill(served):
    os.kill(served.engine.pid, signal.SIGKILL)


def test_an_engine_killed_between_documents_is_replaced(settings, examples, ask, tmp_path):
    told = []
    with ServedModel("base", settings, on_restart=told.append) as served:

        def progress(at):
            if at.done == 2:
                kill(served)

        records = evaluate(served, examples, ask, score, journal=tmp_path / "j", progress=progress)
    assert [record.status for record in records] == ["scored"] * 6
    assert len(told) == 1


def test_an_engine_killed_over_a_document_answers_it_again(settings, examples, label_task, tmp_path):
    told = []

    def long_answer(example):
        return Request(messages=label_task.messages(example.input), max_tokens=80)

    with ServedModel("base", settings, on_restart=told.append) as served:
        undisturbed = served.generate(long_answer(examples[0])).text
        timer = threading.Timer(0.2, kill, (served,))
        timer.start()
        records = evaluate(served, examples[:1], long_answer, score, journal=tmp_path / "j")
        timer.join()
    assert len(told) == 1
    assert records[0].status == "scored"
    assert records[0].completion.text == undisturbed


def test_an_engine_that_always_dies_ends_it_and_the_next_call_asks_the_rest(
    settings, examples, ask, tmp_path, monkeypatch
):
    journal, asked, told = tmp_path / "j", [], []
    start = LlamaCppEngine.start

    def start_and_die(engine):
        start(engine)
        os.kill(engine.pid, signal.SIGKILL)

    def watched(example):
        asked.append(example.row_id)
        return ask(example)

    with ServedModel("base", settings, on_restart=told.append) as served:

        def progress(at):
            if at.done == 3:
                monkeypatch.setattr(LlamaCppEngine, "start", start_and_die)
                kill(served)

        with pytest.raises(ProviderError) as caught:
            evaluate(served, examples, watched, score, journal=journal, progress=progress)
    assert caught.value.code == "engine-died"
    assert len(told) == MAX_RESTARTS
    assert list(read_journal(journal)) == [example.row_id for example in examples[:3]]

    monkeypatch.setattr(LlamaCppEngine, "start", start)
    asked.clear()
    with ServedModel("base", settings) as served:
        records = evaluate(served, examples, watched, score, journal=journal)
    assert asked == [example.row_id for example in examples[3:]]
    assert [record.status for record in records] == ["scored"] * 6


def test_the_engine_ends_with_a_parent_that_is_killed(settings):
    code = (
        "import sys, time\n"
        "from insource.serving.engine import EngineSettings\n"
        "from insource.serving.engines.llamacpp import LlamaCppEngine\n"
        "engine = LlamaCppEngine(EngineSettings.model_validate_json(sys.argv[1]))\n"
        "engine.start()\n"
        "print(engine.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, settings.model_dump_json()], stdout=subprocess.PIPE, text=True
    )
    try:
        child = int(parent.stdout.readline())
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()
    deadline = time.monotonic() + 10
    while is_running(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(child)


def is_running(pid):
    """Whether the process is there and no zombie that waits for somebody to ask for its exit code."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    return "State:\tZ" not in status


def test_a_stopped_engine_can_be_stopped_again(settings):
    engine = LlamaCppEngine(settings)
    engine.start()
    assert engine.alive
    engine.stop()
    engine.stop()
    assert not engine.alive


def test_a_taken_port_is_said_before_the_model_is_loaded(settings):
    with LlamaCppEngine(settings) as engine:
        port = int(engine.url.rpartition(":")[2])
        with pytest.raises(PrerequisiteError) as caught:
            LlamaCppEngine(settings.model_copy(update={"port": port})).start()
        assert caught.value.code == "port-in-use"
    require_free_port(port)


def test_the_engines_threads_do_not_spin_for_long_whatever_the_environment_says(settings, monkeypatch):
    monkeypatch.setenv("GOMP_SPINCOUNT", "infinity")
    with LlamaCppEngine(settings) as engine:
        environment = Path(f"/proc/{engine.pid}/environ").read_bytes().split(b"\0")
    assert b"GOMP_SPINCOUNT=1000" in environment
    assert b"GOMP_SPINCOUNT=infinity" not in environment


def test_a_damaged_model_file_is_named_before_the_engine_reads_it(settings, tmp_path):
    """Its metadata are whole, its weights end early."""
    cut = tmp_path / "cut.gguf"
    with settings.gguf.open("rb") as whole:
        cut.write_bytes(whole.read(20_000_000))
    engine = LlamaCppEngine(settings.model_copy(update={"gguf": cut}))
    with pytest.raises(UserError) as caught:
        engine.start()
    assert caught.value.code == "model-unreadable"
    assert "cut.gguf" in caught.value.message
    assert engine.pid is None


def test_a_file_that_the_engine_cannot_load_is_named_with_what_it_said(settings, monkeypatch, tmp_path):
    """Whatever gets past the checks: the engine's own words follow."""
    for check in ("require_sound", "require_memory"):
        monkeypatch.setattr(f"insource.serving.engines.llamacpp.{check}", lambda given: None)
    monkeypatch.setattr("insource.serving.engines.llamacpp.memory_sentence", lambda settings: "")
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"no model at all")
    engine = LlamaCppEngine(settings.model_copy(update={"gguf": broken}))
    with pytest.raises(ProviderError) as caught:
        engine.start()
    assert caught.value.code == "engine-failed"
    assert "broken.gguf" in caught.value.message
    assert caught.value.details
    assert not engine.alive


def test_an_engine_that_needs_more_than_its_limit_is_refused_before_it_starts(settings):
    engine = LlamaCppEngine(settings.model_copy(update={"memory_limit_bytes": 50_000_000}))
    with pytest.raises(PrerequisiteError) as caught:
        engine.start()
    assert caught.value.code == "not-enough-memory"
    assert engine.pid is None


def test_an_engine_that_outgrows_its_limit_ends_and_the_reason_is_said(settings, monkeypatch):
    """The limit holds for the process, also where the need was computed too low."""
    monkeypatch.setattr("insource.serving.engines.llamacpp.require_memory", lambda settings: None)
    engine = LlamaCppEngine(settings.model_copy(update={"memory_limit_bytes": 60_000_000}))
    with pytest.raises(ProviderError) as caught:
        engine.start()
    assert caught.value.code == "engine-failed"
    assert any("GB" in line for line in caught.value.details)


def test_the_computed_need_is_near_what_the_engine_takes(settings):
    with ServedModel("base", settings) as served:
        served.generate(Request(messages=(Message(role="user", content="pump " * 300),), max_tokens=4))
        status = Path(f"/proc/{served.engine.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    taken = int(line.split()[1]) * 1024
    total = need(settings).total  # with the prompt cache, which fills up over many documents
    assert taken <= total
    assert total - PROMPT_CACHE_BYTES <= 2 * taken
