"""The floor: the same answer to every document, which every other arm has to beat.

It is the most common label of the training split, or a JSON object whose fields are all empty.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from insource.arms.factory import ArmFactory, ArmInputs, Needs
from insource.arms.prompts import described
from insource.contract.expand import restricted
from insource.evaluation.plan import ArmPlan
from insource.foundation.canonical import digest
from insource.models.protocol import Model, Request
from insource.models.replay import ReplayModel
from insource.types import Arm, Example, JsonSchema, Labels, Task

NAME = "floor"


def constant_answer(task: Task, train: Sequence[Example], example: Example) -> str:
    """Return the answer that the floor gives to ``example``; labels that are equally common are sorted."""
    if isinstance(task.output, Labels):
        counts = Counter(one.target for one in train)
        return min(counts, key=lambda label: (-counts[label], label))
    schema = task.output.definition if isinstance(task.output, JsonSchema) else {}
    schema = example.contract or schema
    asked = schema if example.attributes is None else restricted(schema, example.attributes)
    return json.dumps(dict.fromkeys(asked.get("properties", {})))


def plans(inputs: ArmInputs) -> tuple[ArmPlan]:
    """Return the one plan. It looks at no label of the test split, and nothing is chosen by its score."""
    task, train = inputs.task, inputs.dataset.splits["train"]
    labels = isinstance(task.output, Labels)
    answers = {described(task, one): constant_answer(task, train, one) for one in inputs.test}
    arm = Arm(
        name=NAME,
        model="constant",
        kind="floor",
        role="baseline",
        description="the most common label of the training split" if labels else "every field empty",
    )

    @contextmanager
    def model() -> Iterator[Model]:
        yield ReplayModel("constant", answers)

    return (
        ArmPlan(
            arm=arm,
            examples=inputs.test,
            identity={"answers": digest(sorted(set(answers.values())))},
            model=model,
            ask=lambda example: Request(messages=described(task, example), max_tokens=1),
            is_look=False,
        ),
    )


FACTORY = ArmFactory("floor", "baseline", plans, Needs(rows=1, outputs=("json", "labels")))
