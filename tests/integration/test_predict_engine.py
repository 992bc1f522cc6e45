"""`insource predict` with a model behind the real engine: confidences of fields, probabilities of labels."""

import json
import math

import pytest
from support.example_results import example_routing
from support.fitted_models import LABELS, fields_output
from support.tiny_gguf import write_tiny_gguf
from support.tuned_projects import prompted_project
from support.walks import FakeDisplay, session_on

from insource.models.catalogue import resolve
from insource.types import RoutingSummary
from insource.workflow.predict import predict
from insource.workflow.serve import deployed

TARGET = '{"team":"delivery","urgent":false}'
DOCUMENTS = ("The invoice is wrong.", "Where is my parcel?", "The pump leaks.")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return resolve(f"gguf/{write_tiny_gguf(tmp_path_factory.mktemp('tiny') / 'tiny.gguf')}")


def predicted(folder):
    source = folder / "rows.jsonl"
    source.write_text("".join(json.dumps({"input": text}) + "\n" for text in DOCUMENTS))
    session = session_on(folder, FakeDisplay())
    predict(session, {source.name: source}, folder / "out.jsonl")
    return session, [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]


def test_a_language_model_states_how_sure_it_is_of_each_field(base, tmp_path):
    prompted_project(
        tmp_path / "p", "fields", base, fields_output(), TARGET, context_tokens=1024, max_tokens=64
    )
    _, lines = predicted(tmp_path / "p")
    assert [line["id"] for line in lines] == ["line-1", "line-2", "line-3"]
    for line in lines:
        assert line["output"].keys() == line["field_confidences"].keys() == {"team", "urgent"}
        assert line["confidence"] == pytest.approx(math.prod(line["field_confidences"].values()))


@pytest.mark.parametrize("measure", ["labels", "tokens"])
def test_the_confidence_of_a_label_is_what_the_policy_was_calibrated_on(base, tmp_path, measure):
    policy = example_routing().policy.model_copy(update={"measure": measure})
    routing = RoutingSummary(policy=policy)
    folder = tmp_path / "p"
    prompted_project(folder, "teams", base, context_tokens=1024, max_tokens=32, routing=routing)
    session, lines = predicted(folder)
    found = deployed(session)
    with found.open() as opened:
        answers = [opened.model.generate(found.ask(text)) for text in DOCUMENTS]
    for line, answer in zip(lines, answers, strict=True):
        assert line["output"] == answer.text in LABELS
        assert line["confidence"] == pytest.approx(answer.confidence, rel=0.02)
        assert sum(answer.label_probabilities.values()) == pytest.approx(1, abs=0.001)
        if measure == "labels":
            assert answer.confidence in (0.0, answer.label_probabilities[answer.text])
    assert any("Probabilities over 3 labels took" in note for note in session.display.notes)
