"""The whole way of a call, without a socket: the client and the upstream are objects of this test."""

import asyncio
import json
from contextlib import contextmanager
from decimal import Decimal

import pytest
from support.gateway_kit import POLICY, SURE, TASK, UNSURE, Local, confidence

from insource.foundation.errors import PrerequisiteError
from insource.gateway.admission.ask import Admission
from insource.gateway.calls import Calls
from insource.gateway.http.address import UpstreamSettings
from insource.gateway.http.asgi import HttpReply, HttpRequest
from insource.gateway.http.connections import UpstreamFailed
from insource.gateway.http.refused import Refused
from insource.gateway.live import Live
from insource.gateway.settings import GatewaySettings, PassThrough, TaskSettings
from insource.gateway.tasks.tasks import Tasks
from insource.logs.recorder import Recorder
from insource.store.calls.calls import find_calls

CHAT = "/v1/chat/completions"
OPENAI = UpstreamSettings(name="openai")
WHOLE = (
    b'{"id":"c","object":"chat.completion","model":"m-1","usage":{"prompt_tokens":3,"completion_tokens":2},'
    b'"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"Hello"}}]}'
)
EVENTS = (
    b'data: {"model":"m-1","choices":[{"index":0,"delta":{"content":"Hel"},"finish_reason":null}]}\n\n',
    b'data: {"model":"m-1","choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":"stop"}]}\n\n',
    b"data: [DONE]\n\n",
)


class Answer:
    """An upstream's answer; it ends by raising ``error`` if there is one."""

    def __init__(self, pieces=(WHOLE,), kind=b"application/json", status=200, error=None):
        self.status = status
        self.headers = [(b"content-type", kind), (b"x-request-id", b"r1")]
        self.aborted = False
        self._pieces = list(pieces)
        self._error = error

    @property
    def at_end(self):
        return not self._pieces and self._error is None

    async def read(self):
        if self._pieces:
            return self._pieces.pop(0)
        if self._error is not None:
            raise self._error
        return b""

    def abort(self):
        self.aborted = True


class Upstream:
    """Answers what it is asked with ``answer``, or raises it; remembers bodies and what was released."""

    local = False

    def __init__(self, answer):
        self.settings = OPENAI
        self.asked, self.released = [], []
        self.pool = self
        self._answer = answer

    async def ask(self, request, path, body, *, key=None, plain=False):
        if body is not None and not isinstance(body, bytes):
            body = b"".join([piece async for piece in body])
        self.asked.append((request.method, path, body))
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    def release(self, answer):
        self.released.append(answer)


class Client:
    """Sends one request and keeps what comes back; it waits for as long as the reply is not finished."""

    def __init__(self, body=b"", method="POST", path=CHAT, **headers):
        self.messages = [{"type": "http.request", "body": body, "more_body": False}]
        self.status, self.headers, self.body, self.whole = 0, {}, b"", False
        given = {"content-type": "application/json", "content-length": str(len(body))} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        scope = {
            "method": method,
            "path": path,
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        }
        self.request, self.reply = HttpRequest(scope, self._receive), HttpReply(self._send)

    async def _receive(self):
        if self.messages:
            return self.messages.pop(0)
        return await asyncio.get_running_loop().create_future()

    async def _send(self, message):
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message["body"]
            self.whole = not message["more_body"]

    @property
    def code(self):
        return json.loads(self.body)["error"]["code"]


class Admitter:
    """Gives leave to everyone, or raises ``refusal``; remembers what it was asked and the costs."""

    def __init__(self, refusal=None, stranger=None):
        self.asked, self.settled = [], []
        self._refusal, self._stranger = refusal, stranger

    async def recognise(self, headers):
        if self._stranger is not None:
            raise self._stranger
        return ""

    async def admit(self, asked):
        self.asked.append(asked)
        if self._refusal is not None:
            raise self._refusal
        return Admission(task=asked.tags.task, settle=self._settle)

    async def _settle(self, cost_usd):
        self.settled.append(cost_usd)


@pytest.fixture
def recorder(tmp_path):
    with Recorder.open(tmp_path) as opened:
        yield opened


def handled(recorder, client, answer=None, admitter=None, *, task=False, **through):
    """Handle the client's request; returns the upstream that was in front of it."""
    upstreams = () if answer is None else (OPENAI,)
    passing = PassThrough(upstreams=upstreams, admission=admitter or Admitter(), **through)
    own = TaskSettings(task=TASK, policy=POLICY, local=Local(), confidence=confidence)
    settings = GatewaySettings(
        recorder=recorder,
        pass_through=passing,
        tasks=(own,) if task else (),
        price=lambda model, usage, at: Decimal("0.01"),
    )
    upstream = Upstream(answer)
    with opened(settings) as tasks:
        live = Live(passing)
        if upstreams:
            live.upstreams["openai"] = upstream

        async def main():
            settling = set()
            await Calls(settings, live, tasks, settling).handle(client.request, client.reply)
            await asyncio.gather(*settling)

        asyncio.run(main())
    return upstream


@contextmanager
def opened(settings):
    tasks = Tasks(settings)
    yield tasks
    for task in tasks.all:
        task.close()


def recorded(recorder):
    recorder.flush()
    return find_calls(recorder.database)


def ask(text="Hi", model="m", **more):
    return json.dumps({"model": model, "messages": [{"role": "user", "content": text}]} | more).encode()


def test_a_call_is_routed_read_admitted_recorded_and_answered(recorder):
    client, admitter = Client(ask(), x_insource_task="specs", x_insource_user="u1"), Admitter()
    answer = Answer()
    upstream = handled(recorder, client, answer, admitter)
    assert (client.status, client.body, client.whole) == (200, WHOLE, True)
    assert client.headers["x-request-id"] == "r1"
    assert upstream.asked == [("POST", CHAT, ask())]
    assert upstream.released == [answer]
    (asked,) = admitter.asked
    assert (asked.upstream, asked.endpoint, asked.model, asked.tags.task) == ("openai", "chat", "m", "specs")
    assert admitter.settled == [Decimal("0.01")]
    (call,) = recorded(recorder)
    assert call.call_id == client.headers["x-insource-call-id"]
    assert (call.outcome, call.response_text, call.model_answered) == ("ok", "Hello", "m-1")
    assert (call.source, call.endpoint, call.provider, call.task, call.user) == (
        *("gateway", "chat", "openai", "specs", "u1"),
    )
    assert (call.request["model"], call.usage.input_tokens, call.status) == ("m", 3, 200)


def test_a_stream_is_recorded_before_its_end_mark_is_sent(recorder):
    client = Client(ask(stream=True))
    handled(recorder, client, Answer(EVENTS, b"text/event-stream"))
    assert client.body == b"".join(EVENTS)
    (call,) = recorded(recorder)
    assert (call.streamed, call.outcome, call.response_text) == (True, "ok", "Hello")


def test_what_the_client_says_for_us_does_not_travel(recorder):
    body = ask(metadata={"insource_task": "specs"})
    upstream = handled(recorder, Client(body), Answer())
    assert json.loads(upstream.asked[0][2]) == json.loads(ask())
    assert recorded(recorder)[0].task == "specs"


def test_a_list_passes_without_a_record(recorder):
    client, admitter = Client(method="GET", path="/v1/models"), Admitter()
    upstream = handled(recorder, client, Answer([b'{"data":[]}']), admitter)
    assert (client.status, client.body) == (200, b'{"data":[]}')
    assert upstream.asked[0][1] == "/v1/models"
    assert (recorded(recorder), admitter.settled, admitter.asked[0].endpoint) == ([], [None], "")


def test_a_batch_is_one_call_whose_body_is_not_read(recorder):
    client = Client(b'{"input_file_id":"f"}', path="/v1/batches")
    upstream = handled(recorder, client, Answer([b'{"id":"b"}']))
    assert upstream.asked == [("POST", "/v1/batches", b'{"input_file_id":"f"}')]
    (call,) = recorded(recorder)
    assert (call.endpoint, call.outcome, call.request) == (
        "other",
        "ok",
        {"path": "/v1/batches", "bytes": 21},
    )


@pytest.mark.parametrize(
    ("path", "through", "told"),
    [
        ("/v1/batches", {"max_upload_bytes": 9}, "request-too-large"),
        ("/v1/files", {"max_upload_bytes": 9}, "request-too-large"),
        (CHAT, {"max_body_bytes": 9}, "request-too-large"),
    ],
)
def test_a_body_beyond_its_limit_is_refused_and_recorded(recorder, path, through, told):
    client, admitter = Client(ask(), path=path), Admitter()
    upstream = handled(recorder, client, Answer(), admitter, **through)
    assert (client.status, client.code, upstream.asked) == (413, told, [])
    (call,) = recorded(recorder)
    assert (call.outcome, call.status) == ("error", 413)
    assert len(admitter.settled) == len(admitter.asked) == (path != CHAT)


@pytest.mark.parametrize(
    ("client", "status", "code", "kept"),
    [
        (
            Client(b"no JSON"),
            400,
            "invalid-request",
            {"refused": "invalid-request", "path": CHAT, "bytes": 7},
        ),
        (Client(b"[]"), 400, "invalid-request", {"refused": "invalid-request", "path": CHAT, "bytes": 2}),
        (Client(ask(), content_type="text/plain"), 415, "unsupported-content-type", None),
        (Client(ask(), path="/v2/nothing"), 404, "unknown-route", None),
    ],
)
def test_a_task_refuses_what_is_not_a_call_and_records_it_without_content(
    recorder, client, status, code, kept
):
    upstream = handled(recorder, client, task=True)
    assert (client.status, client.code, upstream.asked) == (status, code, [])
    (call,) = recorded(recorder)
    assert (call.outcome, call.status, call.request["refused"]) == ("error", status, code)
    assert kept is None or call.request == kept
    assert call.call_id == client.headers["x-insource-call-id"]


def test_a_request_that_only_reads_is_not_recorded_where_nothing_is(recorder):
    client = Client(method="GET", path="/v2/nothing")
    handled(recorder, client, Answer())
    assert (client.status, client.code, recorded(recorder)) == (404, "unknown-route", [])


def test_without_an_upstream_and_a_task_nothing_is_there(recorder):
    client = Client(ask())
    handled(recorder, client)
    assert (client.status, client.code) == (404, "unknown-route")
    assert len(recorded(recorder)) == 1


def test_who_may_not_call_is_told_so_before_anything_leaves(recorder):
    for admitter in (
        Admitter(stranger=Refused(401, "missing-key", "No key.", [(b"www-authenticate", b"Bearer")])),
        Admitter(refusal=Refused(401, "missing-key", "No key.", [(b"www-authenticate", b"Bearer")])),
    ):
        client = Client(ask(), path=f"/t/specs{CHAT}")
        upstream = handled(recorder, client, Answer(), admitter)
        assert (client.status, client.code, upstream.asked) == (401, "missing-key", [])
        assert client.headers["www-authenticate"] == "Bearer"
        assert admitter.settled == []
    calls = recorded(recorder)
    assert [(call.task, call.error, call.model_asked) for call in calls] == [("specs", "No key.", "")] * 2


def test_without_its_record_a_call_is_not_made(recorder, monkeypatch):
    def refuse(start):
        raise PrerequisiteError("spool-unwritable", "The call log cannot be written.")

    monkeypatch.setattr(recorder, "begin_call", refuse)
    client, admitter = Client(ask()), Admitter()
    upstream = handled(recorder, client, Answer(), admitter)
    assert (client.status, client.code, upstream.asked) == (503, "spool-unwritable", [])
    assert admitter.settled == [0]


def test_an_upstream_that_cannot_be_reached_is_an_error_on_record(recorder):
    client, admitter = Client(ask()), Admitter()
    handled(recorder, client, UpstreamFailed("no route to 10.0.0.1", reached=False), admitter)
    assert (client.status, client.code) == (502, "upstream-unreachable")
    (call,) = recorded(recorder)
    assert (call.outcome, call.error) == ("error", "no route to 10.0.0.1")
    assert admitter.settled == [0]


def test_an_answer_that_breaks_off_is_interrupted_and_left_without_an_end(recorder):
    client, answer = Client(ask()), Answer([WHOLE[:80], WHOLE[80:90]], error=UpstreamFailed("cut"))
    handled(recorder, client, answer)
    assert (client.status, client.whole, answer.aborted) == (200, False, True)
    (call,) = recorded(recorder)
    assert (call.outcome, call.error) == ("interrupted", "cut")


def test_a_failure_of_our_own_is_an_answer_and_an_end_of_the_record(recorder):
    client, admitter = Client(ask()), Admitter()
    handled(recorder, client, RuntimeError("a defect"), admitter)
    assert (client.status, client.code) == (500, "internal-error")
    (call,) = recorded(recorder)
    assert (call.outcome, call.error) == ("error", "RuntimeError: a defect")
    assert admitter.settled == [None]


def test_a_client_that_hangs_up_ends_its_call(recorder):
    class Never(Answer):
        at_end = False

        async def read(self):
            return await asyncio.get_running_loop().create_future()

    client, answer = Client(ask()), Never()
    client.messages.append({"type": "http.disconnect"})
    handled(recorder, client, answer)
    assert (client.status, answer.aborted) == (0, True)
    (call,) = recorded(recorder)
    assert (call.outcome, call.error) == ("interrupted", "the client hung up")


def test_an_insourced_task_answers_what_it_is_sure_of(recorder):
    client, admitter = Client(ask(SURE, "specs")), Admitter()
    handled(recorder, client, admitter=admitter, task=True)
    assert json.loads(client.body)["choices"][0]["message"]["content"] == '{"voltage":"480 V"}'
    assert (client.headers["x-insource-route"], client.headers["x-insource-model"]) == (
        "local",
        "specs-tuned",
    )
    assert (admitter.asked[0].local, admitter.asked[0].tags.task, admitter.settled) == (True, "specs", [0])
    (call,) = recorded(recorder)
    assert (call.task, call.route.to, call.route.threshold) == ("specs", "local", 0.8)


def test_an_insourced_task_without_a_cloud_answers_as_well_as_it_can(recorder):
    client = Client(ask(UNSURE, "specs"))
    handled(recorder, client, task=True)
    assert client.headers["x-insource-reason"] == "no-cloud"
    assert recorded(recorder)[0].route.confidence == 0.3


@pytest.mark.parametrize(
    ("method", "path", "status", "calls"),
    [("GET", "/v1/models", 200, 0), ("GET", CHAT, 405, 0), ("POST", "/v1/embeddings", 404, 1)],
)
def test_what_is_beside_a_task(recorder, method, path, status, calls):
    client = Client(ask(), method=method, path=path)
    handled(recorder, client, task=True)
    assert client.status == status
    assert len(recorded(recorder)) == calls


def test_a_task_leaves_other_models_and_named_upstreams_to_the_upstream(recorder):
    for path, model in ((CHAT, "m"), (f"/u/openai{CHAT}", "specs")):
        upstream = handled(recorder, Client(ask(model=model), path=path), Answer(), task=True)
        assert len(upstream.asked) == 1
    assert {call.route for call in recorded(recorder)} == {None}


def test_a_call_of_the_task_that_is_not_a_chat_completion_keeps_its_tags(recorder):
    body = json.dumps({"model": "specs", "messages": 1, "metadata": {"insource_task": "specs"}}).encode()
    client = Client(body)
    handled(recorder, client, task=True)
    assert (client.status, client.code) == (400, "invalid-request")
    assert recorded(recorder)[0].task == "specs"
