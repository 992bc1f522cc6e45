"""What the arms that run here share: the model behind its engine, the prompt, the room for an answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from insource.arms.prompts import described, grammar_for
from insource.config.training import ServingSection
from insource.evaluation.plan import ArmPlan
from insource.evaluation.run import Confidence
from insource.foundation.canonical import file_digest
from insource.models.catalogue import BaseModel
from insource.models.protocol import Request
from insource.routing.confidence import TOP_LOGPROBS
from insource.serving.engine import EngineSettings
from insource.serving.supervisor import ServedModel, usable_cores
from insource.types import Arm, Example, Task, TrainingSummary


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


def longest_answer(training: TrainingSummary) -> int:
    """Tokens an answer may have: half as many again as the longest one in training."""
    return math.ceil(1.5 * training.longest_answer_tokens)


# An untuned model writes spaces, line breaks and fences that the tuned one has unlearned.
UNTUNED_ROOM = 1.5


def local_plan(
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
