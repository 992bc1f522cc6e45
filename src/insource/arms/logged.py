"""A cloud model, by its logged answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from insource.arms.prompts import CLOUD_MAX_TOKENS, described
from insource.evaluation.plan import ArmPlan
from insource.foundation.canonical import digest
from insource.models.protocol import Model, Request
from insource.models.replay import ReplayModel
from insource.types import Arm, Dataset, Example, Task


class CloudPrice(NamedTuple):
    """What 1,000 documents cost in the cloud, None when unknown, and where the figure comes from."""

    per_1000_usd: float | None
    basis: str


def cloud(task: Task, dataset: Dataset, name: str, examples: Sequence[Example], price: CloudPrice) -> ArmPlan:
    """A cloud model's logged answers to ``examples``, replayed. Simulated ones say so everywhere."""
    simulated = name in dataset.manifest.simulated_models

    def ask(example: Example) -> Request:
        return Request(messages=described(task, example), max_tokens=CLOUD_MAX_TOKENS)

    answers = {ask(e).messages: e.cloud_outputs[name] for e in examples if name in e.cloud_outputs}
    latency = {ask(e).messages: e.cloud_latency_s[name] for e in examples if name in e.cloud_latency_s}
    arm = Arm(
        name=name,
        model=name,
        kind="simulated" if simulated else "cloud",
        description="simulated after published error rates" if simulated else "answers as logged",
        cost_per_1000_usd=price.per_1000_usd,
        cost_basis=("assumed: " if simulated else "") + price.basis,
        assumed_latency_s=next(iter(latency.values()), None) if simulated else None,
    )

    @contextmanager
    def model() -> Iterator[Model]:
        yield ReplayModel(name, answers, latency, simulated=simulated)

    logged = [[e.row_id, e.cloud_outputs.get(name), e.cloud_latency_s.get(name)] for e in examples]
    identity = {"answers": digest(logged)}
    return ArmPlan(arm=arm, identity=identity, model=model, ask=ask)
