"""The policy for single fields of a project: what it refuses, and what a bound that was picked costs."""

from __future__ import annotations

import pytest
from support.walks import FakeDisplay, session_on

from insource.config.routing import RoutingSection
from insource.foundation.errors import ConfigError
from insource.routing.bounds.frontier import BOUNDS
from insource.types import Completion, EvalRecord, JsonSchema, Score, SlotScore, Task, Text
from insource.workflow.field_policy import check_fields, field_policy

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}
TASK = Task(name="specs", instruction="Extract.", output=JsonSchema(definition=SCHEMA))


def record(n, wrong=False):
    flags = dict.fromkeys(("parsed", "repairable", "schema_valid", "canonical"), True)
    slots = (SlotScore(path="a", bucket="wrong" if wrong else "correct"),)
    completion = Completion(text="{}", field_confidences={"a": 0.99 - n / 1000})
    score = Score(slots=slots, exact=not wrong, **flags)
    return EvalRecord(row_id=str(n), status="scored", completion=completion, score=score)


def policy(project, choices, max_error=0.1):
    config = f"[task]\nname = 'specs'\n[routing]\nescalate = 'fields'\nmax_error = {max_error}\n"
    walk = session_on(project(config=config), FakeDisplay())
    return field_policy(walk, TASK, [record(n) for n in range(40)], choices)


def test_a_bound_that_was_picked_after_looking_is_tested_more_strictly(project):
    assert policy(project, 1).basis == "guaranteed"
    picked = policy(project, len(BOUNDS))
    assert (picked.basis, picked.max_error) == ("infeasible", 0.1)
    strict = policy(project, len(BOUNDS), max_error=0.005)
    assert (strict.threshold, strict.expected_doubtful) == (None, 1.0)
    assert "has none so strict" in strict.reason


@pytest.mark.parametrize(
    ("routing", "output", "said"),
    [
        ({"escalate": "fields"}, Text(), "have none"),
        ({"fields": {"nowhere": "cloud"}}, TASK.output, "names nowhere"),
        ({"escalate": "fields", "unit": "groups"}, TASK.output, "documents as its unit"),
    ],
)
def test_what_single_fields_cannot_be_is_refused_before_the_training(routing, output, said):
    with pytest.raises(ConfigError, match=said):
        check_fields(RoutingSection.model_validate(routing), TASK.model_copy(update={"output": output}))


def test_whole_documents_may_have_groups_as_their_unit():
    check_fields(RoutingSection(unit="groups"), TASK)
