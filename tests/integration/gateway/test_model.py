"""The gateway in front of the embedded model: its real grammar, its real log-probabilities."""

import json

import openai
import pytest

from insource.contract.grammar import compile_grammar
from insource.contract.validate import violations
from insource.gateway.server import GatewayServer
from insource.gateway.settings import GatewaySettings, TaskSettings, WaySettings
from insource.gateway.tasks.local import prompt_of
from insource.logs.recorder import Recorder
from insource.models.fake import PUBLISHED, FakeCloud
from insource.routing.confidence import document_confidence, field_confidences, judged, load_tokenizer
from insource.routing.ways.second_look import SecondLookModel
from insource.serving.engine import EngineSettings
from insource.serving.supervisor import ServedModel
from insource.store.calls.calls import find_calls
from insource.types import JsonSchema, Policy, Task
from insource.types.ways import FieldPolicy

SCHEMA = {
    "type": "object",
    "properties": {
        "voltage": {"type": ["string", "null"], "pattern": "^[0-9]{1,4} V$"},
        "phase": {"type": ["string", "null"], "enum": ["1-phase", "3-phase", None]},
    },
    "required": ["voltage", "phase"],
    "additionalProperties": False,
}
TASK = Task(
    name="specs", instruction="Extract the specification as JSON.", output=JsonSchema(definition=SCHEMA)
)
DOCUMENT = "Pump PX-4471. Supply: 480 V, 3-phase."


FIELDS = FieldPolicy(
    threshold=0.5,
    basis="guaranteed",
    max_error=0.1,
    delta=0.05,
    calibration_n=10,
    expected_share=0.5,
    reason="test",
)


def policy(threshold):
    return Policy(
        threshold=threshold,
        basis="median",
        max_error=0.1,
        delta=0.05,
        calibration_n=10,
        expected_local_share=0.5,
        reason="test",
    )


def test_the_real_model_behind_the_gateway(embedded_model, tmp_path):
    from insource.training.base import unpacked

    tokenizer = load_tokenizer(unpacked(embedded_model) / "tokenizer.json")
    grammar = compile_grammar(TASK.output).text
    seen = []

    def confidence(completion):
        seen.append(completion)
        return document_confidence(completion, grammar, tokenizer)

    engine = EngineSettings(gguf=embedded_model.gguf, threads=1)
    with ServedModel("base", engine) as local, Recorder.open(tmp_path) as recorder:
        answers = [
            answer_through(
                GatewaySettings(
                    recorder=recorder,
                    tasks=(
                        TaskSettings(
                            task=TASK,
                            policy=policy(threshold),
                            local=local,
                            cloud=FakeCloud({DOCUMENT: {"voltage": "480 V", "phase": "3-phase"}}, seed=0),
                            confidence=confidence,
                            alive=lambda: local.engine.alive,
                        ),
                    ),
                )
            )
            for threshold in (0.0, 1.0)
        ]
        recorder.flush()
        calls = {call.route.to: call for call in find_calls(recorder.database)}
    served, escalated = answers
    assert served.headers["x-insource-route"] == "local"
    assert not violations(json.loads(served.parse().choices[0].message.content), SCHEMA)
    sure = float(served.headers["x-insource-confidence"])
    assert 0 <= sure < 1
    assert escalated.headers["x-insource-reason"] == "low-confidence, simulated cloud"
    assert float(escalated.headers["x-insource-confidence"]) == pytest.approx(sure, abs=1e-3)
    assert calls["local"].model_answered == "base"
    assert calls["cloud"].route.simulated
    fields = field_confidences(seen[0], grammar, tokenizer)
    assert set(fields) == {"voltage", "phase"}


def answer_through(settings):
    with GatewayServer(settings) as server, openai.OpenAI(base_url=server.url, api_key="none") as client:
        return client.chat.completions.with_raw_response.create(
            model="specs", messages=[{"role": "user", "content": DOCUMENT}]
        )


def test_the_real_model_is_looked_at_twice_and_keeps_its_sure_fields(embedded_model, tmp_path):
    from insource.training.base import unpacked

    tokenizer = load_tokenizer(unpacked(embedded_model) / "tokenizer.json")
    grammar = compile_grammar(TASK.output).text
    gold = {"voltage": "480 V", "phase": "3-phase"}
    certain = PUBLISHED.model_copy(
        update={"format_consistency": 1.0, "hallucination_rate": 0.0, "field_accuracy": 1.0}
    )

    def judge(completion):
        return judged(completion, grammar, tokenizer, TASK.output)

    engine = EngineSettings(gguf=embedded_model.gguf, threads=1)
    with ServedModel("base", engine) as model, Recorder.open(tmp_path) as recorder:
        first = judge(model.generate(prompt_of(TASK, 128)(DOCUMENT)))
        surest = max(first.field_confidences, key=first.field_confidences.__getitem__)
        twice = SecondLookModel(model, judge, (0.0, 1.0), TASK.output)
        again = twice.generate(prompt_of(TASK, 128)(DOCUMENT))
        fields = FIELDS.model_copy(update={"modes": {surest: "local"}, "threshold": None})
        own = TaskSettings(
            task=TASK,
            policy=policy(0.5),
            local=twice,
            cloud=FakeCloud({DOCUMENT: gold}, seed=0, profile=certain),
            judge=judge,
            ways=WaySettings(fields=fields),
        )
        with GatewayServer(GatewaySettings(recorder=recorder, tasks=(own,))) as server:
            client = openai.OpenAI(base_url=server.url, api_key="sk-x", max_retries=0)
            messages = [{"role": "user", "content": DOCUMENT}]
            raw = client.chat.completions.with_raw_response.create(model="specs", messages=messages)
    sure = first.confidence
    assert again.text == first.text
    assert again.confidence in (pytest.approx(sure + (1 - sure) / 2), pytest.approx(sure / 2))
    answer = json.loads(raw.parse().choices[0].message.content)
    (other,) = gold.keys() - {surest}
    assert answer == {surest: json.loads(first.text)[surest], other: gold[other]}
    assert raw.headers["x-insource-fields"] == other
    assert raw.headers["x-insource-reason"] == "doubtful-fields, simulated cloud"
