"""The candidates for a job, each with what answers, how it is asked and what it costs."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from insource.config.sections import ServingSection
from insource.contract.canonical_form import for_asked
from insource.evaluation.run import Confidence
from insource.evaluation.stage import ArmPlan
from insource.foundation.canonical import digest, file_digest
from insource.models.catalogue import BaseModel
from insource.models.protocol import Model, Request
from insource.models.replay import ReplayModel
from insource.serving.engine import EngineSettings
from insource.serving.grammar import compile_grammar
from insource.serving.supervisor import ServedModel, usable_cores
from insource.types import Arm, Dataset, Example, JsonSchema, Message, Task, TrainingSummary

TUNED, BASE, BASE_CONSTRAINED = "tuned", "base", "base + schema"
TOP_LOGPROBS = 20
CLOUD_MAX_TOKENS = 1024


class Local(NamedTuple):
    """What the local arms share: the base model, the exported adapter and the engine's settings."""

    task: Task
    base: BaseModel
    adapter: Path
    serving: ServingSection
    max_new_tokens: int
    on_restart: Callable[[str], None]

    def settings(self) -> EngineSettings:
        return EngineSettings(
            gguf=self.base.gguf,
            adapters=(self.adapter,),
            alias=self.task.name,
            context_tokens=self.serving.context_tokens,
            threads=self.serving.threads or usable_cores(),
        )

    @contextmanager
    def serve(self, name: str, adapter: int | None) -> Iterator[ServedModel]:
        """The model behind a running engine: adapter 0, or None for the base model alone."""
        with ServedModel(name, self.settings(), adapter=adapter, on_restart=self.on_restart) as served:
            yield served


def grammar_for(task: Task, example: Example) -> str | None:
    """The grammar of one document's answer: its own contract, the fields asked for, or the task's."""
    if isinstance(task.output, JsonSchema):
        schema = for_asked(example.contract or task.output.definition, example.attributes)
        if example.attributes is not None:
            asked = {key: value for key, value in schema["properties"].items() if key in example.attributes}
            schema = {**schema, "properties": asked}
        return _schema_grammar(json.dumps(schema, ensure_ascii=False))  # key order is answer order
    return compile_grammar(task.output).text


def task_grammar(task: Task) -> str | None:
    """The grammar of the task's own output, for documents that come without an example around them."""
    return compile_grammar(task.output).text


def longest_answer(training: TrainingSummary) -> int:
    """Tokens an answer may have: half as many again as the longest one in training."""
    return math.ceil(1.5 * training.longest_answer_tokens)


# An untuned model writes spaces, line breaks and fences that the tuned one has unlearned.
UNTUNED_ROOM = 1.5


def tuned(local: Local, confidence: Confidence) -> ArmPlan:
    """The fine-tuned model as it will be served: exported adapter, grammar, short instruction."""
    arm = Arm(
        name=TUNED,
        model=f"{local.base.name} + {local.task.name}",
        kind="tuned",
        constrained=True,
        description="fine-tuned, exported and served under the grammar",
    )
    return _local_plan(local, arm, adapter=0, describe=False, confidence=confidence)


def bases(local: Local) -> tuple[ArmPlan, ArmPlan]:
    """The same model untuned: told the schema in its prompt, without and with the grammar."""
    prompted = Arm(
        name=BASE, model=local.base.name, kind="base", description="untuned, told the schema in its prompt"
    )
    constrained = Arm(
        name=BASE_CONSTRAINED,
        model=local.base.name,
        kind="base",
        constrained=True,
        description="untuned, told the schema and held to it by the grammar",
    )
    return (
        _local_plan(local, prompted, adapter=None, describe=True),
        _local_plan(local, constrained, adapter=None, describe=True),
    )


def _local_plan(
    local: Local,
    arm: Arm,
    *,
    adapter: int | None,
    describe: bool,
    confidence: Confidence = lambda example, completion: None,
) -> ArmPlan:
    max_tokens = (
        local.max_new_tokens if adapter is not None else math.ceil(UNTUNED_ROOM * local.max_new_tokens)
    )

    def ask(example: Example) -> Request:
        return Request(
            messages=described(local.task, example)
            if describe
            else local.task.messages(example.input, attributes=example.attributes),
            max_tokens=max_tokens,
            grammar=grammar_for(local.task, example) if arm.constrained else None,
            top_logprobs=TOP_LOGPROBS if adapter is not None else 0,
        )

    identity = {
        "base": local.base.digest,
        "max_tokens": str(max_tokens),
        "context_tokens": str(local.serving.context_tokens),
    }
    if adapter is not None:
        identity["adapter"] = file_digest(local.adapter)
    return ArmPlan(
        arm=arm,
        identity=identity,
        model=lambda: local.serve(arm.model, adapter),
        ask=ask,
        confidence=confidence,
    )


def described(task: Task, example: Example) -> tuple[Message, ...]:
    """The prompt of a model that was not tuned: it has to be told what an answer looks like."""
    return task.messages(
        example.input,
        attributes=example.attributes,
        contract=example.contract,
        describe_output=True,
    )


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


def sample(examples: Sequence[Example], limit: int | None) -> tuple[Example, ...]:
    """At most ``limit`` examples in their order: those with the smallest content digests.

    That is a random sample which never changes. Every k-th example would not be one: a file whose rows
    alternate would lose one kind of them altogether.
    """
    if limit is None or limit >= len(examples):
        return tuple(examples)
    chosen = {example.row_id for example in sorted(examples, key=lambda e: (e.digest, e.row_id))[:limit]}
    return tuple(example for example in examples if example.row_id in chosen)


@lru_cache(maxsize=256)
def _schema_grammar(schema: str) -> str | None:
    return compile_grammar(json.loads(schema)).text
