"""Two models of documents with two fields: one reads them, one gives back what it was trained on."""

import json

from insource.evaluation.scorers import build_scorer
from insource.types import Completion, EvalRecord, Example, JsonSchema, Provenance, Task

TASK = Task(
    name="parts",
    instruction="Extract the part.",
    output=JsonSchema(
        definition={
            "type": "object",
            "properties": {"serial": {"type": "string"}, "length": {"type": "integer"}},
            "required": ["serial", "length"],
        }
    ),
)


def part(number):
    """A document that states a serial number and a length, each once."""
    label = {"serial": f"SN-{7000 + number}", "length": 200 + number}
    return Example(
        row_id=f"part {number}",
        digest=f"{number:064x}",
        input=f"Part {label['serial']} is {label['length']} mm long. Order no. {number}.",
        target=json.dumps(label, separators=(",", ":")),
        provenance=Provenance(source="test"),
    )


def reads(text):
    """Answer with what the document says."""
    words = text.split()
    return {"serial": words[1], "length": int(words[3])}


class Remembers:
    """Answers by the order number with the label of training; else with any serial number from there."""

    def __init__(self, train):
        self._labels = {example.input.rpartition(" ")[2]: json.loads(example.target) for example in train}

    def __call__(self, text):
        return self._labels.get(text.rpartition(" ")[2], next(iter(self._labels.values())))


def records_of(model, examples):
    """The records of an evaluation in which this model answered."""
    scorer = build_scorer(TASK)
    found = []
    for example in examples:
        said = Completion(text=json.dumps(model(example.input), separators=(",", ":")), finish_reason="stop")
        score = scorer(example, said)
        found.append(EvalRecord(row_id=example.row_id, status="scored", completion=said, score=score))
    return found
