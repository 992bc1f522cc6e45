"""More calls than a local model can answer, and documents beyond its context: real HTTP, a slow model."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx2
import openai
import pytest
from support.gateway_kit import POLICY, SURE, TASK, UNSURE, WHOLE, Local, Provider, confidence
from support.waiting import eventually

from insource.foundation.errors import ProviderError
from insource.gateway.server import GatewayServer
from insource.gateway.settings import GatewaySettings, HttpCloud, Limits, TaskSettings
from insource.models.protocol import ModelInfo
from insource.store.calls.calls import find_calls

LONG = "a document beyond the context"


class Busy(Local):
    """Answers when it is released; counts how many calls it answers at once."""

    info = ModelInfo(name="specs-tuned", local=True)

    def __init__(self):
        super().__init__()
        self.release.clear()
        self.lock, self.now, self.most = threading.Lock(), 0, 0

    def generate(self, request):
        if request.document == LONG:
            raise ProviderError("prompt-too-long", "3,000 tokens, and the context has 2,048")
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            return super().generate(request)
        finally:
            with self.lock:
                self.now -= 1


@pytest.fixture
def provider():
    with Provider() as running:
        yield running


@contextmanager
def gateway(recorder, *tasks, cloud=None, **limits):
    settings = GatewaySettings(
        recorder=recorder,
        tasks=tuple(
            TaskSettings(policy=POLICY, cloud=cloud, confidence=confidence, **task) for task in tasks
        ),
        limits=Limits(**limits),
    )
    with GatewayServer(settings) as server:
        yield server


def ask(server, document=SURE, model="specs"):
    with openai.OpenAI(base_url=server.url, api_key="sk-x", max_retries=0) as client:
        messages = [{"role": "user", "content": document}]
        return client.chat.completions.with_raw_response.create(model=model, messages=messages)


def state(server, task="specs"):
    root = server.url.removesuffix("/v1")
    return httpx2.get(f"{root}/health", trust_env=False).json()["tasks"][task]


def outcome(future):
    """The text of an answer, or the status and the header of a refusal."""
    try:
        return future.result(30).parse().choices[0].message.content
    except openai.APIStatusError as error:
        return error.status_code, error.code, error.response.headers.get("retry-after")


def crowd(server, threads, model, count):
    """Send so many calls that one is answered, two wait, and the rest are beyond the queue."""
    first = [threads.submit(ask, server) for _ in range(3)]
    eventually(lambda: (state(server)["under_way"], state(server)["waiting"]) == (1, 2))
    rest = [outcome(threads.submit(ask, server)) for _ in range(count)]
    model.release.set()
    return [outcome(one) for one in first], rest


def test_what_is_beyond_the_queue_is_refused_at_once_and_told_when_to_ask_again(recorder):
    model = Busy()
    with gateway(recorder, {"task": TASK, "local": model}, waiting=2) as server:
        with ThreadPoolExecutor(8) as threads:
            answered, refused = crowd(server, threads, model, 4)
        reasons = state(server)["reasons"]
    assert answered == ['{"voltage":"480 V"}'] * 3
    assert refused == [(429, "model-overloaded", "1")] * 4
    assert (model.most, reasons) == (1, {"confident": 3, "overloaded": 4})
    recorder.flush()
    assert sorted(call.status for call in find_calls(recorder.database)) == [200] * 3 + [429] * 4


def test_the_cloud_takes_what_is_beyond_the_queue(recorder, provider):
    model, cloud = Busy(), HttpCloud(model="big-cloud", base_url=provider.url)
    with (
        gateway(recorder, {"task": TASK, "local": model}, cloud=cloud, waiting=2) as server,
        ThreadPoolExecutor(8) as threads,
    ):
        answered, rest = crowd(server, threads, model, 2)
    assert (answered, len(provider.seen)) == (['{"voltage":"480 V"}'] * 3, 2)
    assert rest == ['{"voltage":"400 V"}'] * 2
    recorder.flush()
    reasons = [call.route.reason for call in find_calls(recorder.database)]
    assert sorted(reasons) == ["confident"] * 3 + ["overloaded"] * 2


def test_the_cloud_is_spared_where_the_configuration_says_so(recorder, provider):
    model, cloud = Busy(), HttpCloud(model="big-cloud", base_url=provider.url)
    limits = {"waiting": 2, "overload": "refuse"}
    with (
        gateway(recorder, {"task": TASK, "local": model}, cloud=cloud, **limits) as server,
        ThreadPoolExecutor(8) as threads,
    ):
        _, refused = crowd(server, threads, model, 2)
    assert (refused, provider.seen) == ([(429, "model-overloaded", "1")] * 2, [])


def test_nobody_waits_beyond_the_deadline_and_the_model_recovers(recorder):
    """Neither the call that the model works on, nor the one behind it; then the slot is free again."""
    model = Busy()
    with gateway(recorder, {"task": TASK, "local": model}, deadline_s=0.2) as server:
        with ThreadPoolExecutor(2) as threads:
            late = [outcome(one) for one in [threads.submit(ask, server) for _ in range(2)]]
        busy = state(server)
        model.release.set()
        eventually(lambda: state(server)["under_way"] == 0)
        after = ask(server).parse().choices[0].message.content
    assert [one[:2] for one in late] == [(429, "model-overloaded")] * 2
    assert (busy["under_way"], busy["waiting"]) == (1, 0)
    assert after == '{"voltage":"480 V"}'


def test_tasks_of_one_engine_share_its_slots_and_its_queue(recorder):
    other = TASK.model_copy(update={"name": "others"})
    model = Busy()
    tasks = ({"task": one, "local": model, "engine": "base.gguf"} for one in (TASK, other))
    with gateway(recorder, *tasks, waiting=1) as server, ThreadPoolExecutor(4) as threads:
        first = threads.submit(ask, server)
        eventually(lambda: state(server)["under_way"] == 1)
        second = threads.submit(ask, server, model="others")
        eventually(lambda: state(server, "others")["waiting"] == 1)
        refused = outcome(threads.submit(ask, server, model="others"))
        model.release.set()
        assert outcome(first) == outcome(second) == '{"voltage":"480 V"}'
    assert (refused, model.most) == ((429, "model-overloaded", "1"), 1)


def test_a_document_beyond_the_context_is_refused_and_counted(recorder):
    with gateway(recorder, {"task": TASK, "local": Busy()}) as server:
        with pytest.raises(openai.BadRequestError) as caught:
            ask(server, LONG)
        reasons = state(server)["reasons"]
    assert (caught.value.code, reasons) == ("context_length_exceeded", {"too-long": 1})
    recorder.flush()
    (call,) = find_calls(recorder.database)
    assert (call.status, "3,000 tokens" in call.error) == (400, True)


def test_a_document_beyond_the_context_goes_whole_to_the_cloud(recorder, provider):
    cloud = HttpCloud(model="big-cloud", base_url=provider.url)
    with gateway(recorder, {"task": TASK, "local": Busy()}, cloud=cloud) as server:
        raw = ask(server, LONG)
    assert (raw.headers["x-insource-reason"], raw.content) == ("too-long", WHOLE)
    assert LONG in provider.seen[0].body.decode()


def test_a_doubtful_answer_waits_for_nobody_elses(recorder, provider):
    """The slot is free again before the cloud is asked."""
    model, cloud = Busy(), HttpCloud(model="big-cloud", base_url=provider.url)
    model.release.set()
    with gateway(recorder, {"task": TASK, "local": model}, cloud=cloud, waiting=0) as server:
        raw = ask(server, UNSURE)
        assert state(server)["under_way"] == 0
    assert raw.headers["x-insource-reason"] == "low-confidence"


def test_an_engine_has_the_slots_of_the_task_with_the_most(recorder):
    other = TASK.model_copy(update={"name": "others"})
    model = Busy()
    tasks = [
        {"task": one, "local": model, "engine": "base.gguf", "slots": slots}
        for one, slots in ((TASK, 1), (other, 2))
    ]
    with gateway(recorder, *tasks) as server, ThreadPoolExecutor(2) as threads:
        both = [threads.submit(ask, server) for _ in range(2)]
        eventually(lambda: state(server)["under_way"] == 2)
        model.release.set()
        assert [outcome(one) for one in both] == ['{"voltage":"480 V"}'] * 2


def test_no_call_waits_while_an_engine_elsewhere_is_asked_whether_it_is_alive(recorder):
    asked, said = threading.Event(), threading.Event()

    def alive():
        asked.set()
        return said.wait(10)

    with (
        gateway(recorder, {"task": TASK, "local": Local(), "alive": alive}) as server,
        ThreadPoolExecutor(1) as threads,
    ):
        health = threads.submit(state, server)
        assert asked.wait(10)
        assert ask(server).parse().choices[0].message.content == '{"voltage":"480 V"}'
        assert not health.done()
        said.set()
        assert health.result(10)["engine"] == {"configured": True, "alive": True}
