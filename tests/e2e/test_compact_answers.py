"""A model that is trained on answers without keys; run, predict and export have them."""

import json

from support.tiny_models import tiny_model

SCHEMA = {
    "type": "object",
    "properties": {
        "part": {"type": ["string", "null"], "maxLength": 12},
        "pieces": {"type": ["integer", "null"], "minimum": 0, "maximum": 99},
        "rush": {"type": "boolean"},
    },
    "required": ["part", "pieces", "rush"],
    "additionalProperties": False,
}
CONFIG = """
[task]
name = "orders"
instruction = "Extract the order."
schema = "schema.json"
[training]
model = "hf/./base"
epochs = 2
batch_size = 8
learning_rate = 0.003
scored_documents = 0
compact_answers = true
[evaluation]
parity_prompts = 2
prompted = []
"""


def order(number):
    pieces, rush = number % 90 + 2, number % 3 == 0
    said = f"{pieces} pieces of NX-{number}{', urgent' if rush else ''}"
    answer = {"part": f"NX-{number}", "pieces": pieces, "rush": rush}
    return {"id": f"o{number}", "input": said, "output": answer}


def test_answers_have_their_keys_wherever_they_are_read(insource, tmp_path):
    environment = {"INSOURCE_CACHE": str(tmp_path / "cache")}
    tiny_model(tmp_path / "base", "llama")
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    rows = [order(number) for number in range(90)]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "insource.toml").write_text(CONFIG)
    planned = insource("train", "--plan", "--json", env=environment)
    assert planned.returncode == 0, planned.stderr
    (answers,) = (one for one in json.loads(planned.stdout)["choices"] if one["name"] == "answers")
    without, keyed = (int(word) for text in answers.values() for word in text.split() if word.isdigit())
    assert without < keyed / 2

    done = insource("run", "--yes", env=environment)
    assert done.returncode == 0, done.stderr
    (result,) = (tmp_path / ".insource" / "runs").glob("*-run-*/result.json")
    found = json.loads(result.read_text())
    assert found["training"]["compact_answers"]
    assert found["parity"]["passed"]
    tuned = next(one for one in found["evaluations"] if one["arm"]["name"] == "tuned")
    assert tuned["metrics"]["schema_valid_rate"]["value"] == 1.0
    assert tuned["metrics"]["field_accuracy"]["value"] is not None
    assert "tuned" in {one["arm"] for one in found["servable"]}

    told = insource("predict", "data.jsonl", "--arm", "tuned", "--to", "answers.jsonl", env=environment)
    assert told.returncode == 0, told.stderr
    lines = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert len(lines) == len(rows)
    for line in lines:
        assert list(line["output"]) == ["part", "pieces", "rush"]
        assert set(line["field_confidences"]) == {"part", "pieces", "rush"}
        assert 0 <= line["confidence"] <= 1

    unknown = insource("predict", "data.jsonl", "--arm", "nobody", env=environment)
    assert unknown.returncode == 1
    assert "'tuned'" in unknown.stderr

    exported = insource("export", "--format", "adapter", "--to", "out", "--prompts", "2", env=environment)
    assert exported.returncode == 0, exported.stderr
    card = (tmp_path / "out" / "README.md").read_text()
    assert "JSON lists without keys: the values of `part`, `pieces`, `rush`, in this order" in card
