"""The simulated cloud: it holds the published error profile, and says what it is."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cache

import pytest

from insource.demo.documents import generate
from insource.demo.schema import INSTRUCTION, SCHEMA
from insource.evaluation.scorers import build_scorer
from insource.foundation.errors import ProviderError
from insource.matching.surface import SurfaceForms
from insource.models.fake import PUBLISHED, FakeCloud
from insource.models.protocol import Model, Request
from insource.types import Completion, Example, JsonSchema, Message, Provenance, Score, Task

TASK = Task(name="specification", instruction=INSTRUCTION, output=JsonSchema(definition=SCHEMA))


@cache
def gold() -> dict[str, dict]:
    return {row["input"]: row["output"] for row in generate({"test": 2000}, 3)}


def ask(model: Model, document: str) -> Completion:
    return model.generate(Request(messages=TASK.messages(document), max_tokens=200))


def scores(seed: int) -> list[Score]:
    score = build_scorer(TASK, SurfaceForms.fit(list(gold().values()), SCHEMA))
    model = FakeCloud(gold(), seed)
    return [
        score(
            Example(
                row_id=str(i),
                digest="",
                input=document,
                target=json.dumps(target),
                provenance=Provenance(source="test"),
            ),
            ask(model, document),
        )
        for i, (document, target) in enumerate(gold().items())
    ]


@pytest.mark.parametrize("seed", [0, 7])
def test_the_realised_profile_is_the_published_one_within_two_points(seed):
    scored = scores(seed)
    accuracy = sum(s.field_accuracy or 0.0 for s in scored) / len(scored)
    assert sum(s.canonical for s in scored) / len(scored) == pytest.approx(0.78, abs=0.02)
    assert sum(s.invented > 0 for s in scored) / len(scored) == pytest.approx(0.12, abs=0.02)
    assert accuracy == pytest.approx(0.94, abs=0.02)


def test_the_profile_does_not_depend_on_how_many_fields_are_null():
    model = FakeCloud(gold(), 1)
    score = build_scorer(TASK)
    complete = [d for d, answer in gold().items() if "null" not in json.dumps(answer)]
    assert len(complete) > 300
    scored = [
        score(
            Example(
                row_id="x",
                digest="",
                input=d,
                target=json.dumps(gold()[d]),
                provenance=Provenance(source="test"),
            ),
            ask(model, d),
        )
        for d in complete
    ]
    assert sum(s.schema_valid for s in scored) / len(scored) == pytest.approx(0.78, abs=0.06)
    assert sum(s.invented > 0 for s in scored) / len(scored) == pytest.approx(0.12, abs=0.05)


def test_the_errors_are_of_the_kinds_clouds_make():
    model = FakeCloud(gold(), 0)
    texts = [ask(model, document).text for document in gold()]
    assert any(text.startswith("```json") for text in texts)
    assert any(text.startswith("Here is") for text in texts)
    assert any(text.endswith(",}") for text in texts)
    assert any('"weight"' in text for text in texts)
    assert any('"three-phase"' in text for text in texts)
    assert any(' years"' in text for text in texts)
    assert any('"480V"' in text for text in texts)


def test_an_answer_depends_on_seed_and_document_but_not_on_the_order_of_calls():
    documents = list(gold())[:200]
    first, second, other = FakeCloud(gold(), 5), FakeCloud(gold(), 5), FakeCloud(gold(), 6)
    forwards = [ask(first, d).text for d in documents]
    assert [ask(second, d).text for d in reversed(documents)][::-1] == forwards
    assert [ask(other, d).text for d in documents] != forwards


def test_the_gold_answers_are_not_touched():
    before = json.dumps(gold())
    model = FakeCloud(gold(), 0)
    for document in list(gold())[:300]:
        ask(model, document)
    assert json.dumps(gold()) == before


def test_it_says_that_it_is_simulated_and_its_cost_and_latency_assumed():
    model = FakeCloud(gold(), 0)
    assert model.info.simulated
    assert not model.info.local
    assert model.info.name == "fake/published-cloud"
    assert model.profile.source == "published, unverified"
    assert Decimal("0.03") == PUBLISHED.cost_usd_per_call
    assert ask(model, next(iter(gold()))).latency_s == 1.2


def test_an_unknown_document_is_a_clear_error():
    request = Request(messages=(Message(role="user", content="Never seen"),), max_tokens=10)
    with pytest.raises(ProviderError) as caught:
        FakeCloud(gold(), 0).generate(request)
    assert caught.value.code == "simulated-document-unknown"
    assert "--cloud" in caught.value.hint


def test_small_and_empty_label_sets_still_answer():
    document, answer = "Pump drive, 3 kg", {"model_number": None, "protocols": None}
    for seed in range(50):
        text = ask(FakeCloud({document: answer}, seed), document).text
        assert "model_number" in text
