"""How the steps of an export are judged."""

from types import SimpleNamespace

import pytest

from insource.types import Completion, Example, JsonSchema, Task
from insource.workflow.publish import _scorer


def of(**properties):
    return {
        "type": "object",
        "properties": {name: {"type": kind} for name, kind in properties.items()},
        "required": list(properties),
        "additionalProperties": False,
    }


OPEN = {"type": "object", "properties": {"a": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("contract", "target", "said"),
    [
        (None, '{"volts":480}', "[480]"),
        (of(a="integer", b="string"), '{"a":1,"b":"x"}', '[1,"x"]'),
        (OPEN, '{"a":1}', '{"a":1}'),  # keys that are left open are written
    ],
)
def test_an_answer_without_keys_is_read_by_the_schema_of_its_document(contract, target, said):
    task = Task(name="t", instruction="Read.", output=JsonSchema(definition=of(volts="integer")))
    example = Example(
        row_id="r1",
        digest="d",
        input="x",
        target=target,
        contract=contract,
        provenance={"source": "rows.jsonl", "line": 1},
    )
    scorer = _scorer(SimpleNamespace(splits={"train": ()}), task, SimpleNamespace(compact=True))
    assert scorer(example, Completion(text=said)).exact
