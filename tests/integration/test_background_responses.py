"""A background response is promised by one request and brought by a later one, which completes its record."""

import json
import time
from decimal import Decimal

import httpx2
import openai
import pytest
from support.asking import KEY
from support.provider_answers import events
from support.upstream_kit import RawUpstream, always, chunk, reply

import insource
from insource.config import OwnPrice
from insource.gateway.http.address import UpstreamSettings
from insource.gateway.server import GatewayServer
from insource.gateway.settings import GatewaySettings, PassThrough
from insource.logs import process_log
from insource.logs.recorder import Recorder
from insource.store.calls.calls import find_calls
from insource.store.calls.rollups import ROLLUPS, rebuild_rollups

POST = "/v1/responses"
USAGE = {"input_tokens": 6, "output_tokens": 900, "total_tokens": 906}
SAID = {"type": "message", "content": [{"type": "output_text", "text": "The report."}]}
JSON = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}


def response(status, number=1, **fields):
    return {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": int(time.time()),
        "status": status,
        "background": True,
        "model": "gpt-5.2",
        "output": [SAID] if status in ("completed", "incomplete") else [],
        "usage": USAGE if status in ("completed", "incomplete") else None,
        "error": None,
        "incomplete_details": None,
        **fields,
    }


def whole(document):
    return always(reply(json.dumps(document).encode()))


def in_chunks(document):
    data = json.dumps(document).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    return always(head, *[chunk(data[at : at + 50]) for at in range(0, len(data), 50)], b"0\r\n\r\n")


def as_stream(document):
    last = {"type": f"response.{document['status']}", "response": document}
    return always(reply(events(last), kind="text/event-stream"))


class Gateway:
    """A gateway in front of two upstreams, which may be started again on the same log."""

    def __init__(self, folder, upstream):
        self.folder, self.upstream = folder, upstream

    def __enter__(self):
        self.opened = Recorder.open(self.folder)
        self.recorder = self.opened.__enter__()
        names = ("openai", "other")
        upstreams = tuple(UpstreamSettings(name=n, base_url=f"{self.upstream.root}/v1") for n in names)
        settings = GatewaySettings(
            recorder=self.recorder,
            pass_through=PassThrough(upstreams=upstreams),
            price=lambda model, usage, at: Decimal(usage.output_tokens) / 1000,
        )
        self.server = GatewayServer(settings).__enter__()
        return self

    def __exit__(self, *error):
        self.server.__exit__(*error)
        self.opened.__exit__(*error)

    def ask(self, method, path, answer, body=None):
        self.upstream.answer = answer
        with httpx2.Client(trust_env=False, timeout=20) as client:
            root = self.server.url.removesuffix("/v1")
            return client.request(method, root + path, content=body, headers=JSON)

    def start(self, document, *, stream=False):
        body = json.dumps({"model": "gpt-5.2", "background": True, "stream": stream, "input": "go"})
        return self.ask("POST", POST, whole(document), body.encode())

    def calls(self):
        self.recorder.flush()
        return find_calls(self.recorder.database)


@pytest.fixture
def upstream():
    with RawUpstream() as running:
        yield running


@pytest.fixture
def gateway(tmp_path, upstream):
    with Gateway(tmp_path, upstream) as started:
        yield started


def is_awaited(call, status="queued"):
    assert (call.outcome, call.cost_usd, call.usage.output_tokens) == ("unread", None, None)
    assert call.error == f"the response is {status}; GET /v1/responses/resp_1 brings its answer"


def is_complete(call, finish="stop"):
    assert (call.outcome, call.finish_reason, call.error) == ("ok", finish, "")
    assert (call.response_text, call.usage.output_tokens) == ("The report.", 900)
    assert (call.cost_usd, call.usage_estimated) == (Decimal("0.9"), False)
    assert call.request["input"] == "go"


@pytest.mark.parametrize("send", [whole, in_chunks, as_stream])
def test_the_get_that_brings_the_answer_completes_the_record(gateway, send):
    gateway.start(response("queued"))
    is_awaited(gateway.calls()[0])
    gateway.ask("GET", f"{POST}/resp_1", whole(response("in_progress")))
    is_awaited(gateway.calls()[0])
    answer = gateway.ask("GET", f"{POST}/resp_1", send(response("completed")))
    (call,) = find_calls(gateway.recorder.database)  # before anything is drained: the caller has the answer
    is_complete(call)
    assert b"The report." in answer.content


def test_it_is_completed_once_and_without_waiting_for_a_drain(gateway):
    gateway.start(response("queued"))
    for text in ("The report.", "Something else."):
        said = {"type": "message", "content": [{"type": "output_text", "text": text}]}
        gateway.ask("GET", f"{POST}/resp_1", whole(response("completed", output=[said])))
        (call,) = gateway.calls()
        is_complete(call)


@pytest.mark.parametrize(
    ("status", "fields", "outcome", "finish", "error"),
    [
        ("incomplete", {"incomplete_details": {"reason": "max_output_tokens"}}, "ok", "length", ""),
        (
            "failed",
            {"error": {"code": "server_error", "message": "We are sorry."}},
            "error",
            "error",
            "We are sorry.",
        ),
        ("cancelled", {}, "error", "error", "the response has the status cancelled"),
    ],
)
def test_every_end_of_a_response_is_recorded(gateway, status, fields, outcome, finish, error):
    gateway.start(response("queued"))
    path = f"{POST}/resp_1/cancel" if status == "cancelled" else f"{POST}/resp_1"
    gateway.ask("POST" if status == "cancelled" else "GET", path, whole(response(status, **fields)))
    (call,) = gateway.calls()
    assert (call.outcome, call.finish_reason, call.error) == (outcome, finish, error)
    assert (call.cost_usd is None) == (outcome == "error")


def test_another_process_completes_it(tmp_path, upstream):
    with Gateway(tmp_path, upstream) as first:
        first.start(response("queued"))
    with Gateway(tmp_path, upstream) as second:
        second.ask("GET", f"{POST}/resp_1", whole(response("completed")))
        is_complete(second.calls()[0])


def test_a_background_stream_that_broke_off_is_completed_too(gateway):
    started = events({"type": "response.created", "response": response("queued")}) + events(
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "The"}
    )
    body = b'{"model":"gpt-5.2","background":true,"stream":true,"input":"go"}'
    gateway.ask("POST", POST, always(reply(started, kind="text/event-stream")), body)
    assert [call.outcome for call in gateway.calls()] == ["interrupted"]
    gateway.ask("GET", f"{POST}/resp_1?stream=true&starting_after=1", as_stream(response("completed")))
    is_complete(gateway.calls()[0])


@pytest.mark.parametrize(
    ("path", "document"),
    [
        (f"{POST}/resp_2", response("completed", number=2)),
        (f"/u/other{POST}/resp_1", response("completed")),
        (f"{POST}/resp_1", {"id": "resp_1", "status": "completed", "created_at": 1}),
        (f"{POST}/resp_1/input_items", {"object": "list", "data": []}),
        (f"{POST}/resp_1", {"error": {"message": "Not found"}}),
        (f"{POST}/resp_1", ["resp_1"]),
    ],
    ids=["another", "elsewhere", "long ago", "items", "error", "list"],
)
def test_what_is_not_its_answer_changes_nothing(gateway, path, document):
    gateway.start(response("queued"))
    assert gateway.ask("GET", path, whole(document)).json() == document
    (call,) = gateway.calls()
    is_awaited(call)


def test_the_totals_are_those_of_the_calls(gateway):
    for number in range(3):
        gateway.start(response("queued", number=number))
    gateway.ask("GET", f"{POST}/resp_1", whole(response("completed")))
    gateway.calls()
    with gateway.recorder.database.write() as connection:
        kept = connection.execute(ROLLUPS.select()).all()
        rebuild_rollups(connection)
        assert sorted(connection.execute(ROLLUPS.select()).all()) == sorted(kept)


def test_the_caller_gets_the_answer_whatever_happens_to_its_record(gateway, monkeypatch):
    def fails(*_):
        raise TypeError("a bug")

    gateway.start(response("queued"))
    monkeypatch.setattr("insource.gateway.calls.complete_later", fails)
    document = response("completed")
    assert gateway.ask("GET", f"{POST}/resp_1", whole(document)).json() == document


def test_a_secret_in_the_later_answer_is_not_kept(gateway):
    secret = "sk-proj-" + "aB3dE5gH7jK9mN1pQ3sT"
    said = {"type": "message", "content": [{"type": "output_text", "text": f"Use {secret} there."}]}
    gateway.start(response("queued"))
    gateway.ask("GET", f"{POST}/resp_1", whole(response("completed", output=[said])))
    (call,) = gateway.calls()
    assert call.response_text == "Use [secret:openai-key] there."
    assert secret not in json.dumps(call.response)


def test_a_wrapped_client_completes_it(tmp_path, upstream):
    root = tmp_path / "log"
    client = openai.OpenAI(api_key=KEY, base_url=f"{upstream.root}/v1", max_retries=0)
    client = insource.wrap(client, root=root, prices={"gpt-5.2": OwnPrice(input="0", output="1000")})
    upstream.answer = whole(response("queued"))
    client.responses.create(model="gpt-5.2", input="go", background=True)
    upstream.answer = whole(response("completed"))
    assert client.responses.retrieve("resp_1").output_text == "The report."
    client.close()
    process_log.close_logs()
    with Recorder.open(root) as recorder:
        (call,) = find_calls(recorder.database)
    is_complete(call)
