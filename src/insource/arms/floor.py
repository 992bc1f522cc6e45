"""The floor: the same answer to every document, which every other arm has to beat.

It is the most common label of the training split, or a JSON object whose fields are all empty.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from insource.arms.factory import ArmFactory, ArmInputs, ArmNeeds
from insource.arms.prompts import described
from insource.contract.asked import restricted
from insource.contract.places import place_of
from insource.evaluation.plan import ArmPlan
from insource.foundation.canonical import digest
from insource.models.protocol import Model, Request
from insource.models.replay import ReplayModel
from insource.types import Arm, Example, JsonSchema, Labels, Task

NAME = "floor"


def most_common(train: Sequence[Example]) -> str:
    """Return the most common label; of equally common ones, the first in sorted order."""
    counts = Counter(example.target for example in train)
    return min(counts, key=lambda label: (-counts[label], label))


def empty_answer(task: Task, example: Example) -> str:
    """Return JSON that answers nothing: an object whose fields are null, or an empty list.

    It need not be valid: a schema may not allow null.
    """
    schema = task.output.definition if isinstance(task.output, JsonSchema) else {}
    schema = schema if example.contract is None else example.contract
    place = place_of(schema if example.attributes is None else restricted(schema, example.attributes))
    return "[]" if place.types == {"array"} else json.dumps(dict.fromkeys(place.properties))


def plans(inputs: ArmInputs) -> tuple[ArmPlan]:
    """Return the one plan. Nothing is fitted to the test split, and nothing is chosen by its score."""
    task = inputs.task
    label = most_common(inputs.dataset.splits["train"]) if isinstance(task.output, Labels) else None
    answers = {
        described(task, one): empty_answer(task, one) if label is None else label for one in inputs.test
    }
    arm = Arm(
        name=NAME,
        model="constant",
        kind="floor",
        role="baseline",
        description="the most common label of the training split"
        if label is not None
        else "every field empty",
        cost_per_1000_usd=0.0,
        cost_basis="no model runs",
    )

    @contextmanager
    def model() -> Iterator[Model]:
        yield ReplayModel("constant", answers)

    return (
        ArmPlan(
            arm=arm,
            examples=inputs.test,
            identity={"answers": digest(list(answers.values()))},
            model=model,
            ask=lambda example: Request(messages=described(task, example), max_tokens=1),
            is_look=False,
        ),
    )


FACTORY = ArmFactory("floor", "baseline", plans, ArmNeeds(rows=1, outputs=("json", "labels")), early=True)
