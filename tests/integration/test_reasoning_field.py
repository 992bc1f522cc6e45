"""Reasoning that a schema declares, through the real trainer, the parity gate and the real engine."""

import json

import pytest
from support.example_results import example_training
from support.fitted_models import finished_run
from support.tiny_models import tiny_model
from support.walks import session_on

from insource.cli.main import main
from insource.gateway.tasks.local import LocalAnswerer
from insource.models.catalogue import resolve
from insource.types import Served
from insource.workflow.predict import predict
from insource.workflow.serve import deployed

pytestmark = pytest.mark.model
CONFIG = """
[task]
name = "tickets"
schema = "schema.json"
[training]
model = "hf/./model"
epochs = 12
batch_size = 4
learning_rate = 0.01
scored_documents = 0
[evaluation]
parity_prompts = 2
[serving]
context_tokens = 512
"""
SCHEMA = {
    "type": "object",
    "properties": {
        "urgent": {"type": "boolean"},
        "why": {"type": "string", "maxLength": 20, "x-insource": {"reasoning": True}},
    },
    "required": ["urgent"],
    "additionalProperties": False,
}
SPLITS = ["train"] * 16 + ["validation"] * 4 + ["calibration"] * 2 + ["test"] * 2


def test_it_is_trained_generated_first_and_dropped(project, rows, tmp_path, monkeypatch, capsys):
    answer = {"urgent": True, "why": "Seen."}
    lines = [
        row | {"split": split, "output": answer} for row, split in zip(rows.tickets(24), SPLITS, strict=True)
    ]
    folder = project(lines, CONFIG, files={"schema.json": SCHEMA})
    tiny_model(folder / "model", "llama")
    monkeypatch.setenv("INSOURCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(folder)
    main(["export", "--json"])
    (exported,) = (folder / ".insource" / "runs").glob("*-export-*")
    assert json.loads((exported / "manifest.json").read_text())["result"]["parity"]["passed"]

    session, base = session_on(folder), resolve("hf/./model")
    finished_run(
        folder / ".insource",
        output=session.project.given_output(),
        training=example_training().model_copy(update={"base_model": "hf/./model"}),
        base_digest=base.digest,
        max_new_tokens=60,
        paths={"adapter": str(exported / "adapter.gguf")},
        served=Served(arm="tuned", model=base.name),
    )
    found = deployed(session)
    with found.open() as opened:
        document = lines[0]["input"]
        said = opened.model.generate(found.ask(document))
        assert said.text == '{"why":"Seen.","urgent":true}'
        judged = found.judge(said)
        assert judged.field_confidences.keys() <= {"urgent"}
        attempt = LocalAnswerer(opened.model, found.task, found.ask, found.confidence).answer(document)
    assert (attempt.outcome, attempt.completion.text) == ("valid", '{"urgent":true}')

    (folder / "todo.jsonl").write_text(json.dumps({"id": "a", "input": document}) + "\n")
    done = predict(session, {"todo.jsonl": folder / "todo.jsonl"}, folder / "out.jsonl")
    (line,) = map(json.loads, done.path.read_text().splitlines())
    assert line["output"] == {"urgent": True}
    assert "why" not in json.dumps(line)
