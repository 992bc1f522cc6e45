"""Clouds that are asked anew: the reference held to the schema, and other models such as cheaper tiers."""

from __future__ import annotations

import json

from insource.arms.factory import ArmFactory, ArmInputs, ArmNeeds
from insource.arms.paid.plans import Asking, paid_plan
from insource.arms.prompts import CLOUD_MAX_TOKENS, described
from insource.config.reference import AskedModel
from insource.contract.asked import restricted
from insource.evaluation.plan import ArmPlan
from insource.models.openai import OpenAIModel
from insource.models.protocol import Model, Request
from insource.models.structured import LabelModel, label_schema
from insource.types import Arm, Example, JsonSchema, Labels, Task

SCHEMA_KIND, TIER_KIND = "cloud + schema", "other cloud"
ENVELOPE = len('{"label":""}')


def schema_plans(inputs: ArmInputs) -> tuple[ArmPlan, ...]:
    """Return the plan of the reference model with its answers held to the schema or the labels."""
    return (_plan(inputs, inputs.reference, with_schema=True, kind=SCHEMA_KIND),)


def tier_plans(inputs: ArmInputs) -> tuple[ArmPlan, ...]:
    """Return a plan for each model of ``[[reference.also]]``."""
    held = inputs.task.output.kind != "text"
    return tuple(
        _plan(inputs, tier, with_schema=tier.with_schema and held, kind=TIER_KIND)
        for tier in inputs.reference.also
    )


def _plan(inputs: ArmInputs, section: AskedModel, *, with_schema: bool, kind: str) -> ArmPlan:
    task = inputs.task
    arm = Arm(
        name=f"{section.model} + schema" if with_schema else f"{section.model} asked",
        model=section.model,
        kind=kind,
        role="candidate",
        constrained=with_schema,
        description=f"asked anew, held to the {'labels' if task.output.kind == 'labels' else 'schema'}"
        if with_schema
        else "asked anew, told the output in its prompt",
    )

    def ask(example: Example) -> Request:
        return Request(
            messages=described(task, example),
            max_tokens=CLOUD_MAX_TOKENS,
            json_schema=schema_of(task, example) if with_schema else None,
        )

    def client(key: str) -> Model:
        model = OpenAIModel(section.model, section.base_url, key, task.privacy)
        return LabelModel(model) if with_schema and isinstance(task.output, Labels) else model

    asking = Asking(
        arm=arm.name,
        section=section,
        open=client,
        ask=ask,
        identity={"model": section.model, "base_url": section.base_url},
        written=lambda example: len(example.target) + ENVELOPE,
        read=len(json.dumps(schema_of(task))) if with_schema else 0,
    )
    return paid_plan(arm, asking, inputs.pay, inputs.test)


def schema_of(task: Task, example: Example | None = None) -> dict[str, object]:
    """Return the schema of an answer: the document's own, the fields asked for, or the task's."""
    if isinstance(task.output, Labels):
        return label_schema(task.output.names)
    schema = task.output.definition if isinstance(task.output, JsonSchema) else {}
    if example is None:
        return task.output.generated if isinstance(task.output, JsonSchema) else {}
    schema = schema if example.contract is None else example.contract
    schema = schema if example.attributes is None else restricted(schema, example.attributes)
    if isinstance(task.output, JsonSchema) and example.contract is None:
        return task.output.with_reasoning(schema)
    return schema


def _reference(inputs: ArmInputs) -> str:
    if not inputs.reference.model:
        return "no cloud model is named by reference.model"
    return "" if inputs.reference.with_schema else "it costs money; set reference.with_schema = true"


def _tiers(inputs: ArmInputs) -> str:
    return "" if inputs.reference.also else "insource.toml has no [[reference.also]]"


SCHEMA_NEEDS = ArmNeeds(outputs=("json", "labels"), configured=_reference)
SCHEMA_FACTORY = ArmFactory(SCHEMA_KIND, "candidate", schema_plans, SCHEMA_NEEDS, paid=True)
TIER_FACTORY = ArmFactory(TIER_KIND, "candidate", tier_plans, ArmNeeds(configured=_tiers), paid=True)
