"""The real engine under the grammar of a document: an untrained model can answer nothing else."""

import json

import pytest

from insource.matching.comparators import Comparator
from insource.models.fitted.spans.fields import Field, Taught
from insource.models.grounding.grounding import Grounding
from insource.models.grounding.values import GroundedField, scopes_of
from insource.models.protocol import Request
from insource.routing.grounded import GroundedModel
from insource.serving.engine import EngineSettings
from insource.serving.supervisor import ServedModel
from insource.training.base import unpacked
from insource.types import JsonSchema, Task

DOCUMENT = "Pump NX-401, supply 0.48 kV at 60 Hz, weight 17.3 kg. Speaks PROFINET and CANopen."
SCHEMA = {
    "type": "object",
    "properties": {
        "code": {"type": ["string", "null"], "maxLength": 24},
        "voltage": {"type": ["string", "null"], "maxLength": 12},
        "current": {"type": ["string", "null"], "maxLength": 12},
        "buses": {"type": ["array", "null"], "items": {"type": "string", "maxLength": 20}, "maxItems": 3},
    },
    "required": ["code", "voltage", "current", "buses"],
    "additionalProperties": False,
}
BUSES = ("CANopen", "MQTT", "PROFINET")
KG_IS_NONE = frozenset({("uc", "kg"), ("uc", "hz"), ("uc", "kv")})
GROUNDING = Grounding(
    (
        GroundedField(Field(("code",), "id", Comparator("id")), Taught(digits=True, shortest=4)),
        GroundedField(
            Field(("voltage",), "quantity", Comparator("quantity", unit="V")), Taught(suffix=" V"), KG_IS_NONE
        ),
        GroundedField(
            Field(("current",), "quantity", Comparator("quantity", unit="A")), Taught(suffix=" A"), KG_IS_NONE
        ),
        GroundedField(
            Field(("buses",), "choice", many=True, single=False, choices=BUSES),
            Taught(aliases={bus.casefold(): bus for bus in BUSES}),
        ),
    )
)
TASK = Task(
    name="specs", instruction="Extract the specification as JSON.", output=JsonSchema(definition=SCHEMA)
)


@pytest.fixture(scope="module")
def engine(embedded_model):
    settings = EngineSettings(gguf=embedded_model.gguf, threads=1, context_tokens=512)
    with ServedModel("base", settings) as served:
        yield served


@pytest.mark.parametrize("seed", range(3))
def test_an_untrained_model_answers_with_values_of_the_document_or_null(engine, embedded_model, seed):
    held = GroundedModel(engine, TASK, GROUNDING, unpacked(embedded_model) / "tokenizer.json")
    request = Request(
        messages=TASK.messages(DOCUMENT),
        max_tokens=120,
        temperature=1.5,
        seed=seed,
        top_logprobs=20,
        document=DOCUMENT,
    )
    completion = held.generate(request)
    answer = json.loads(completion.text)
    stated = {one.field.path[0]: one.values(scopes_of(DOCUMENT)) for one in GROUNDING.fields}
    assert stated["voltage"] == ["480 V"]
    assert stated["current"] == []
    assert answer["current"] is None
    assert answer["voltage"] in (None, "480 V")
    assert answer["code"] in (None, *stated["code"])
    assert set(answer["buses"] or ()) <= {"CANopen", "PROFINET"}
    assert completion.confidence is not None
    assert 0 <= completion.confidence <= 1
