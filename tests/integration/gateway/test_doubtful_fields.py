"""Only the doubtful fields of an answer go to the cloud, with the local draft."""

import json
from decimal import Decimal

import pytest
from aiohttp import web
from support.gateway_kit import POLICY, SURE, TASK, WHOLE, Provider
from support.gateway_ways import ask, gateway, http_cloud, post

from insource.gateway.settings import WaySettings
from insource.models.protocol import ModelInfo
from insource.routing.bounds.coverage import group_digest
from insource.store.calls.calls import find_calls
from insource.types import Completion, JsonSchema
from insource.types.ways import FieldPolicy

SCHEMA = {
    "type": "object",
    "properties": {
        "voltage": {"type": ["string", "null"]},
        "power": {"type": ["string", "null"]},
        "lines": {
            "type": "array",
            "items": {"type": "object", "properties": {"qty": {"type": "integer"}}, "required": ["qty"]},
        },
    },
    "required": ["voltage", "power", "lines"],
    "additionalProperties": False,
    "anyOf": [{"properties": {"voltage": {"type": "null"}}}, {"properties": {"power": {"type": "string"}}}],
}
JSON_TASK = TASK.model_copy(update={"output": JsonSchema(definition=SCHEMA)})
DRAFT = {"voltage": "480 V", "power": "3 kW", "lines": [{"qty": 1}, {"qty": 2}]}
SURE_OF = {"voltage": 0.99, "power": 0.99, "lines[0].qty": 0.99, "lines[1].qty": 0.99}
FIELDS = FieldPolicy(
    threshold=0.9,
    basis="guaranteed",
    max_error=0.1,
    delta=0.05,
    calibration_n=100,
    expected_share=0.6,
    reason="test",
)


class Unsure:
    """Answers the draft, with the confidences that it is given."""

    info = ModelInfo(name="specs-tuned", local=True)

    def __init__(self, **less):
        self.sure = SURE_OF | {path.replace("__", "[1]."): sure for path, sure in less.items()}

    def generate(self, request):
        return Completion(text=json.dumps(DRAFT), confidence=0.2, field_confidences=self.sure)


def fields_of(provider, answer, status=200):
    """Let the cloud answer a question about fields with ``answer``, and every other call as it does."""

    async def handle(request):
        body = json.loads(provider.seen[-1].body)
        if "is not sure of the fields" not in json.dumps(body):
            return web.Response(body=WHOLE, content_type="application/json")
        content = answer if isinstance(answer, str) else json.dumps(answer)
        said = {
            "id": "x",
            "object": "chat.completion",
            "model": "big-cloud-2026",
            "choices": [
                {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}
            ],
            "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
        }
        return web.json_response(said, status=status)

    provider.answer = handle


@pytest.fixture
def provider():
    with Provider() as running:
        yield running


def price(model, usage, at):
    return Decimal("0.01") * usage.output_tokens


@pytest.fixture
def serve(recorder, provider):
    def start(local, fields=FIELDS, **changes):
        given = {
            "task": JSON_TASK,
            "ways": WaySettings(fields=fields),
            "all_calls": {"price": price},
        } | changes
        return gateway(recorder, local, http_cloud(provider), **given)

    return start


def only_call(recorder):
    recorder.flush()
    (call,) = find_calls(recorder.database)
    return call


def test_the_cloud_is_asked_for_the_doubtful_fields_alone(serve, provider, recorder):
    fields_of(provider, {"power": "4 kW", "lines": [{"qty": 7}]})
    with serve(Unsure(power=0.5, lines__qty=0.1)) as server:
        reply = post(server, ask(SURE))
    assert json.loads(reply.json()["choices"][0]["message"]["content"]) == {
        "voltage": "480 V",
        "power": "4 kW",
        "lines": [{"qty": 7}],
    }
    assert (reply.headers["x-insource-route"], reply.headers["x-insource-reason"]) == (
        "cloud",
        "doubtful-fields",
    )
    assert reply.headers["x-insource-fields"] == "power, lines"
    assert reply.headers["x-insource-policy"] == "guaranteed; threshold=0.9"  # that for fields
    (seen,) = provider.seen
    sent = json.loads(seen.body)
    system, question, document = (message["content"] for message in sent["messages"])
    assert (system, document) == (JSON_TASK.instruction, SURE)
    assert json.dumps(DRAFT) in question
    assert '["power", "lines"]' in question
    assert '"voltage": {' not in question.partition("JSON Schema")[2]
    assert (sent["model"], "stream" in sent) == ("big-cloud", False)
    call = only_call(recorder)
    assert call.route.cloud_fields == ("power", "lines")
    assert call.route.field_confidences["power"] == 0.5
    assert (call.model_answered, call.cost_usd) == ("specs-tuned + big-cloud-2026", Decimal("0.03"))


def test_an_answer_without_a_doubtful_field_stays_here_however_unsure_the_whole_is(serve, provider):
    with serve(Unsure()) as server:
        reply = post(server, ask(SURE))
    assert (reply.headers["x-insource-route"], reply.headers["x-insource-confidence"]) == ("local", "0.2")
    assert provider.seen == []


def test_a_streamed_call_gets_the_merged_answer_as_a_stream(serve, provider):
    fields_of(provider, {"power": None})
    with serve(Unsure(power=0.5), task=JSON_TASK.model_copy(update={"output": without_the_rule()})) as server:
        reply = post(server, ask(SURE, stream=True))
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert b'\\"power\\":null' in reply.content
    assert reply.content.endswith(b"data: [DONE]\n\n")


def without_the_rule():
    return JsonSchema(definition={name: value for name, value in SCHEMA.items() if name != "anyOf"})


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("no JSON", 200),
        ({"voltage": "400 V"}, 200),  # not the field that was asked for
        ({"power": 7}, 200),  # not of its type
        ({"power": None}, 200),  # fits alone, but not beside a voltage
        ({"error": {"message": "overloaded"}}, 503),
    ],
)
def test_the_whole_document_is_escalated_where_the_fields_are_no_answer(
    serve, provider, recorder, answer, status
):
    fields_of(provider, answer, status)
    with serve(Unsure(power=0.5)) as server:
        reply = post(server, ask(SURE))
        health = server.get("/health").json()["tasks"]["specs"]["reasons"]
    assert (reply.content, reply.headers["x-insource-reason"]) == (WHOLE, "low-confidence")
    assert "x-insource-fields" not in reply.headers
    assert health == {"low-confidence": 1}
    asked = Decimal("0.03") if status == 200 else Decimal(0)
    assert only_call(recorder).cost_usd == Decimal("0.05") + asked  # both answers were paid for


@pytest.mark.parametrize(
    ("modes", "unsure", "cloud"),
    [
        ({"power": "cloud"}, {}, ("power",)),
        ({"power": "local"}, {"power": 0.1}, ()),
        ({"power": "local"}, {"power": 0.1, "voltage": 0.1}, ("voltage",)),
        ({"power": "cloud", "voltage": "local"}, {"voltage": 0.0}, ("power",)),
    ],
)
def test_a_field_may_always_come_from_here_or_from_the_cloud(serve, provider, modes, unsure, cloud):
    fields_of(provider, {name: "0" for name in cloud})
    with serve(Unsure(**unsure), FIELDS.model_copy(update={"modes": modes})) as server:
        reply = post(server, ask(SURE))
    assert reply.headers.get("x-insource-fields", "") == ", ".join(cloud)
    assert reply.headers["x-insource-route"] == ("cloud" if cloud else "local")


def test_missing_confidences_are_missing_and_never_sure(serve, provider):
    local = Unsure()
    local.sure = {}
    with serve(local) as server:
        reply = post(server, ask(SURE))
    assert (reply.content, reply.headers["x-insource-reason"]) == (WHOLE, "low-confidence")


class UnsureOfSome(Unsure):
    """Unsure of one field in four answers of ten, as on the calibration split."""

    def __init__(self):
        super().__init__()
        self.answered = 0

    def generate(self, request):
        self.answered += 1
        unsure = {"power": 0.5} if self.answered % 10 < 4 else {}
        text = super().generate(request)
        return text.model_copy(update={"field_confidences": self.sure | unsure})


@pytest.mark.parametrize(("expected", "stopped"), [(0.4, False), (0.05, True)])
def test_calls_that_ask_for_single_fields_are_counted_as_calibration_expects_them(
    serve, provider, expected, stopped
):
    """The policy for whole documents would have served nine answers of ten, and does not serve here."""
    fields_of(provider, {"power": "4 kW"})
    policy = FIELDS.model_copy(update={"expected_doubtful": expected})
    documents = POLICY.model_copy(update={"expected_local_share": 0.9})
    with serve(UnsureOfSome(), policy, policy=documents) as server:
        said = {post(server, ask(SURE)).headers["x-insource-reason"] for _ in range(205)}
    assert said == {"confident", "doubtful-fields"} | ({"circuit-open"} if stopped else set())


@pytest.mark.parametrize("basis", ["guaranteed", "median", "infeasible"])
def test_a_group_of_the_calibration_documents_is_served_whatever_whole_documents_are_promised(
    serve, provider, basis
):
    documents = POLICY.model_copy(update={"basis": basis, "calibrated_groups": (group_digest("acme"),)})
    with serve(Unsure(), policy=documents) as server:
        known, new = (post(server, ask(SURE), **{"x-insource-group": one}) for one in ("acme", "initech"))
    assert known.headers["x-insource-reason"] == "confident"
    assert new.headers["x-insource-reason"] == "new-group"


def test_a_local_only_task_asks_nobody_for_a_field(recorder):
    task = JSON_TASK.model_copy(update={"privacy": "local-only"})
    with gateway(
        recorder, Unsure(power=0.1), task=task, ways=WaySettings(fields=FIELDS), policy=POLICY
    ) as server:
        reply = post(server, ask(SURE))
    assert reply.headers["x-insource-route"] == "local"
    assert json.loads(reply.json()["choices"][0]["message"]["content"]) == DRAFT


class Whole:
    """A cloud in place of an API: it answers all fields, whatever it is asked for."""

    info = ModelInfo(name="someone/model", local=True)

    def __init__(self):
        self.asked = []

    def generate(self, request):
        self.asked.append(request)
        return Completion(text=json.dumps(DRAFT | {"voltage": "9 V", "power": "9 kW"}))


def test_a_model_in_place_of_the_cloud_is_asked_in_the_same_way(recorder):
    cloud = Whole()
    ways = WaySettings(fields=FIELDS)
    with gateway(recorder, Unsure(power=0.1), cloud, task=JSON_TASK, ways=ways) as server:
        reply = post(server, ask(SURE))
    assert json.loads(reply.json()["choices"][0]["message"]["content"]) == DRAFT | {"power": "9 kW"}
    (request,) = cloud.asked
    assert request.messages[-1].content == SURE
    assert request.json_schema["properties"].keys() == {"power"}
