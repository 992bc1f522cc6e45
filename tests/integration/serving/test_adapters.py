"""Several adapters on one real engine: each answers as alone, and new ones come without an interruption."""

import threading
import time

import pytest
from support.adapters import write_adapter

from insource.foundation.errors import InsourceError, UserError
from insource.models.protocol import Request
from insource.serving.busy import Busy
from insource.serving.engine import EngineSettings
from insource.serving.engines.llamacpp import LlamaCppEngine
from insource.serving.shared_engine import SharedEngine
from insource.serving.supervisor import ServedModel
from insource.types import Message

QUESTION = Request(messages=(Message(role="user", content="What does a pump do?"),), max_tokens=12)


@pytest.fixture(scope="module")
def adapters(tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapters")
    return {name: write_adapter(folder / f"{name}.gguf", seed) for seed, name in enumerate("abc")}


@pytest.fixture
def settings(embedded_model):
    return EngineSettings(gguf=embedded_model.gguf, threads=1, context_tokens=256)


@pytest.fixture(scope="module")
def alone(adapters, embedded_model):
    """What each adapter, and the base model, answers on an engine of its own."""
    answers = {}
    for name in (None, "a", "b"):
        engine = EngineSettings(
            gguf=embedded_model.gguf,
            threads=1,
            context_tokens=256,
            adapters=(adapters[name],) if name else (),
        )
        with ServedModel("m", engine, adapter=0 if name else None) as served:
            answers[name] = served.generate(QUESTION).text
    assert len(set(answers.values())) == 3  # else the tests below say nothing
    return answers


def test_adapters_on_one_engine_answer_as_each_alone_in_any_order(settings, adapters, alone):
    """Without explicit scales, llama.cpp would answer from the cache of the adapter before."""
    with SharedEngine(settings, {name: adapters[name] for name in "ab"}) as shared:
        models = {name: shared.model(str(name), name) for name in (None, "a", "b")}
        for name in (None, "a", None, "b", "a", "a", "b", None):
            assert models[name].generate(QUESTION).text == alone[name], name


def test_the_state_of_an_earlier_prompt_is_not_used_for_another_adapter(settings, adapters):
    """llama.cpp's cache of earlier prompts goes by their tokens alone, not by their adapter."""
    # Prompts with little in common: for one that begins alike, the engine cuts back the state it has.
    texts = ("pump valve motor " * 8, "river bridge water " * 8, "three four seven " * 8)
    questions = [
        Request(messages=(Message(role="system", content=text), *QUESTION.messages), max_tokens=12)
        for text in texts
    ]
    with SharedEngine(settings, {}) as shared:
        alone = [shared.model("base", None).generate(question).text for question in questions]
    with SharedEngine(settings, {"a": adapters["a"]}) as shared:
        tuned = [shared.model("a", "a").generate(question).text for question in questions]
        assert [shared.model("base", None).generate(question).text for question in questions] == alone
        assert [shared.model("a", "a").generate(question).text for question in questions] == tuned


def test_two_slots_answer_two_adapters_at_once_as_each_alone(settings, adapters, alone):
    two = settings.model_copy(update={"slots": 2})
    with SharedEngine(two, {name: adapters[name] for name in "ab"}) as shared:
        answers = {}

        def ask(name):
            answers[name] = shared.model(name, name).generate(QUESTION).text

        threads = [threading.Thread(target=ask, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == {name: alone[name] for name in "ab"}


def test_new_adapters_take_over_while_an_answer_of_the_old_ones_is_under_way(settings, adapters, alone):
    with SharedEngine(settings, {"v1": adapters["a"]}) as shared:
        old, first = shared.model("v1", "v1"), shared.engine
        long_answer = QUESTION.model_copy(update={"max_tokens": 120})
        undisturbed = old.generate(long_answer).text
        answers = []
        thread = threading.Thread(target=lambda: answers.append(old.generate(long_answer).text))
        thread.start()
        time.sleep(0.1)
        shared.load({"v2": adapters["b"]})
        thread.join()
        assert answers == [undisturbed]
        assert shared.model("v2", "v2").generate(QUESTION).text == alone["b"]
        assert not first.alive
        assert shared.engine.alive


def test_adapters_that_cannot_be_loaded_leave_the_old_ones_served(settings, adapters, alone, tmp_path):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(adapters["b"].read_bytes()[:200])
    with SharedEngine(settings, {"v1": adapters["a"]}) as shared:
        with pytest.raises(InsourceError) as caught:
            shared.load({"v2": broken})
        assert caught.value.code == "model-unreadable"
        assert shared.model("v1", "v1").generate(QUESTION).text == alone["a"]


def test_a_llama_server_by_url_answers_as_the_embedded_engine(settings, adapters, alone, monkeypatch):
    """The embedded engine is a llama-server, so it stands for one."""
    both = settings.model_copy(update={"adapters": (adapters["a"], adapters["b"])})
    with LlamaCppEngine(both) as running:
        monkeypatch.setenv("ITS_KEY", running.api_key)
        by_url = settings.model_copy(
            update={"kind": "llama-server", "url": running.url, "api_key_env": "ITS_KEY"}
        )
        for name, chosen in ((None, ()), ("b", (adapters["b"],)), ("a", (adapters["a"],))):
            engine = by_url.model_copy(update={"adapters": chosen})
            with ServedModel("m", engine, adapter=0 if name else None) as served:
                assert served.generate(QUESTION).text == alone[name], name
        with pytest.raises(UserError, match=r"c\.gguf") as caught:
            ServedModel("m", by_url.model_copy(update={"adapters": (adapters["c"],)}), adapter=0).start()
        assert caught.value.code == "engine-lacks-model"
        assert "--lora" in caught.value.hint


def test_a_busy_machine_is_said_and_gets_fewer_threads(settings, monkeypatch):
    monkeypatch.setattr("insource.serving.shared_engine.look", lambda: Busy(1.0, 2))
    told = []
    unset = settings.model_copy(update={"threads": None})
    with SharedEngine(unset, {}, note=told.append) as shared:
        shared.model("base", None).generate(QUESTION)
    (said,) = told
    assert "1.0 of 2 cores" in said
    assert "1 of 2 threads" in said


def test_the_answer_does_not_depend_on_the_number_of_threads(settings):
    answers = []
    for threads in (1, 2, 3):
        with ServedModel("m", settings.model_copy(update={"threads": threads})) as served:
            answers.append(served.generate(QUESTION.model_copy(update={"top_logprobs": 3})).tokens)
    assert answers[0] == answers[1] == answers[2]


# Slow: beside other tests on both cores it did not end within its minute, for a reason not yet found.
@pytest.mark.slow
def test_a_neighbour_that_comes_later_moves_the_engine_to_fewer_threads(settings, monkeypatch):
    monkeypatch.setattr("insource.serving.shared_engine.look", lambda: Busy(0.0, 2))
    monkeypatch.setattr("insource.serving.threads.FEWER_AFTER_S", 0.0)
    told = []
    with SharedEngine(settings.model_copy(update={"threads": None}), {}, note=told.append) as shared:
        first = shared.engine
        before = shared.model("base", None).generate(QUESTION).text
        monkeypatch.setattr("insource.serving.shared_engine.between", lambda *_: Busy(1.0, 2))
        deadline = time.monotonic() + 60
        while shared.engine is first and time.monotonic() < deadline:
            assert shared.model("base", None).generate(QUESTION).text == before
        assert shared.engine is not first
        assert shared.model("base", None).generate(QUESTION).text == before
    assert len(told) == 1
    assert "1 of 2 threads" in told[0]
