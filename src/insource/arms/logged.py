"""The clouds, by the answers that the log or the rows hold; simulated ones say so everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from insource.arms.factory import ArmFactory, ArmInputs, ArmNeeds, CloudPrice
from insource.arms.prompts import CLOUD_MAX_TOKENS, described
from insource.evaluation.plan import ArmPlan
from insource.foundation.canonical import digest
from insource.models.protocol import Model, Request
from insource.models.replay import ReplayModel
from insource.types import Arm, Dataset, Example, Task


def plans(inputs: ArmInputs) -> tuple[ArmPlan, ...]:
    """Return a plan for each cloud model that was asked about a test document, on those that it was asked.

    A call that failed counts as a failure of the cloud.
    """
    found = []
    for name in inputs.dataset.manifest.cloud_models:
        asked = tuple(one for one in inputs.test if name in one.cloud_outputs or name in one.cloud_failures)
        plan = cloud_plan(inputs.task, inputs.dataset, name, asked, inputs.price(name))
        if len(asked) < len(inputs.test):
            note = f"answered {len(asked)} of {len(inputs.test)} test documents; judged on those"
            plan = plan._replace(note=note)
        found.append(plan)
    return tuple(found)


def cloud_plan(
    task: Task, dataset: Dataset, name: str, examples: tuple[Example, ...], price: CloudPrice
) -> ArmPlan:
    """Return the plan that replays one cloud model's answers to ``examples``."""
    simulated = name in dataset.manifest.simulated_models

    def ask(example: Example) -> Request:
        return Request(messages=described(task, example), max_tokens=CLOUD_MAX_TOKENS)

    answers = {ask(e).messages: e.cloud_outputs[name] for e in examples if name in e.cloud_outputs}
    latency = {ask(e).messages: e.cloud_latency_s[name] for e in examples if name in e.cloud_latency_s}
    failures = {ask(e).messages: e.cloud_failures[name] for e in examples if name in e.cloud_failures}
    arm = Arm(
        name=name,
        model=name,
        kind="simulated" if simulated else "cloud",
        role="reference",
        simulated=simulated,
        description="simulated after published error rates" if simulated else "answers as logged",
        cost_per_1000_usd=price.per_1000_usd,
        cost_basis=("assumed: " if simulated else "") + price.basis,
        assumed_latency_s=next(iter(latency.values()), None) if simulated else None,
    )

    def failure(example: Example) -> list[str]:
        return [example.cloud_failures[name]] if name in example.cloud_failures else []

    @contextmanager
    def model() -> Iterator[Model]:
        yield ReplayModel(name, answers, latency, failures=failures, simulated=simulated)

    logged: list[list[object]] = [
        [e.row_id, e.cloud_outputs.get(name), e.cloud_latency_s.get(name), *failure(e)] for e in examples
    ]
    return ArmPlan(arm=arm, examples=examples, identity={"answers": digest(logged)}, model=model, ask=ask)


FACTORY = ArmFactory("cloud", "reference", plans, ArmNeeds(cloud_answers=True))
