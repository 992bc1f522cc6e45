"""What the arms that run here share: the model behind its engine, the prompt, the room for an answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from insource.arms.prompts import described, grammar_for
from insource.config.serving import ServingSection
from insource.evaluation.plan import ArmPlan
from insource.foundation.canonical import file_digest
from insource.models.catalogue import BaseModel
from insource.models.grounding.grounding import Grounding
from insource.models.protocol import Request
from insource.routing.confidence import TOP_LOGPROBS
from insource.serving.engine import EngineSettings
from insource.serving.supervisor import ServedModel, usable_cores
from insource.types import Arm, Example, Task, TrainingSummary


class Local(NamedTuple):
    """What the local arms share: the base model, the exported adapter and the engine's settings.

    ``adapter`` is None for another base model than the one that was trained. ``grounding`` holds the answers
    of the tuned model to their documents.
    """

    task: Task
    base: BaseModel
    adapter: Path | None
    serving: ServingSection
    max_new_tokens: int
    on_restart: Callable[[str], None]
    grounding: Grounding | None = None

    @property
    def tuned_name(self) -> str:
        """The name under which the base model with the adapter answers."""
        return f"{self.base.name} + {self.task.name}"

    def settings(self) -> EngineSettings:
        return EngineSettings(
            gguf=self.base.gguf,
            adapters=() if self.adapter is None else (self.adapter,),
            alias=self.task.name,
            context_tokens=self.serving.context_tokens,
            threads=self.serving.threads or usable_cores(),
        )

    @contextmanager
    def serve(self, name: str, adapter: int | None) -> Iterator[ServedModel]:
        """Run the engine and yield its model: with adapter 0, or the base model alone for None."""
        with ServedModel(name, self.settings(), adapter=adapter, on_restart=self.on_restart) as served:
            yield served


def longest_answer(training: TrainingSummary) -> int:
    """Return how many tokens an answer of the trained model may have."""
    return room_for_answer(training.longest_answer_tokens)


def room_for_answer(longest_tokens: int) -> int:
    """Return how many tokens an answer may have: half as many again as the longest one in training."""
    return math.ceil(1.5 * longest_tokens)


# A factor on the room for an answer: an untuned model writes spaces, line breaks and code fences.
UNTUNED_ROOM = 1.5


def local_plan(
    local: Local, arm: Arm, examples: tuple[Example, ...], *, adapter: int | None, describe: bool
) -> ArmPlan:
    """Return the plan of a model behind the local engine.

    ``adapter`` is 0 for the exported adapter and None for the base model alone. ``describe`` adds the
    output contract to the prompt.
    """
    room = 1.0 if adapter is not None else UNTUNED_ROOM
    max_tokens = math.ceil(room * local.max_new_tokens)
    grounding = local.grounding if adapter is not None else None

    def ask(example: Example) -> Request:
        return Request(
            messages=described(local.task, example)
            if describe
            else local.task.messages(example.input, attributes=example.attributes),
            max_tokens=max_tokens,
            grammar=grammar_for(local.task, example, grounding) if arm.constrained else None,
            top_logprobs=TOP_LOGPROBS if adapter is not None else 0,
        )

    identity = {
        "base": local.base.digest,
        "max_tokens": str(max_tokens),
        "context_tokens": str(local.serving.context_tokens),
    }
    if adapter is not None and local.adapter is not None:
        identity["adapter"] = file_digest(local.adapter)
    if grounding is not None:
        identity["grounding"] = grounding.digest
    return ArmPlan(
        arm=arm,
        examples=examples,
        identity=identity,
        model=lambda: local.serve(arm.model, adapter),
        ask=ask,
    )
