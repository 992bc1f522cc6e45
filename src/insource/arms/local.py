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
from insource.export.adapter_gguf import ADAPTER_FILE
from insource.foundation.canonical import file_digest
from insource.foundation.errors import ProviderError
from insource.models.catalogue import BaseModel
from insource.models.grounding.grounding import Grounding
from insource.models.protocol import Model, Request
from insource.routing.compact import CompactModel
from insource.routing.confidence import TOP_LOGPROBS
from insource.routing.labelled import ENGINES, labelled
from insource.routing.tokens.judged_model import JudgedModel
from insource.routing.vocabulary import tokenizer_of
from insource.serving.engine import EngineSettings
from insource.serving.supervisor import ServedModel
from insource.types import Arm, Example, Labels, Task, TrainingSummary


class Local(NamedTuple):
    """What the local arms share: the base model, the exported adapter and the engine's settings.

    ``adapter`` is None for another base model than the one that was trained. ``merged`` is the whole trained
    model in one file; where there is one, it answers instead of the base model with the adapter.
    ``grounding`` holds the answers of the tuned model to their documents. ``compact`` says that it writes
    values without their keys.
    """

    task: Task
    base: BaseModel
    adapter: Path | None
    serving: ServingSection
    max_new_tokens: int
    on_restart: Callable[[str], None]
    note: Callable[[str], None] = lambda text: None
    merged: Path | None = None
    grounding: Grounding | None = None
    compact: bool = False

    @property
    def tuned_name(self) -> str:
        """The name under which the base model with the adapter answers."""
        return f"{self.base.name} + {self.task.name}"

    def of(self, file: Path) -> Local:
        """Return this with a file of an export: a GGUF adapter for the base model, or a whole model."""
        if file.name == ADAPTER_FILE:
            return self._replace(adapter=file, merged=None)
        return self._replace(adapter=None, merged=file)

    def here(self) -> Local:
        """Return this behind the embedded engine: one that runs elsewhere cannot be given a file."""
        return self._replace(serving=self.serving.model_copy(update={"engine": "llamacpp"}))

    def settings(self) -> EngineSettings:
        """Return what runs the tuned model: the whole model where there is one, else base and adapter.

        It answers one document after the other, as an evaluation asks, whatever ``serving.slots`` says.

        Raises:
            ProviderError: ``engine-cannot`` for a whole model behind an engine that already runs. Its base
                model has the same shape, so nothing would tell which of the two answers.
        """
        if self.merged is not None and self.serving.engine != "llamacpp":
            raise ProviderError(
                "engine-cannot",
                f"The tuned model is a whole file, {self.merged.name}, and whether {self.serving.url} serves "
                "that or the base model cannot be told.",
                hint='Set engine = "llamacpp" in [serving], or train adapters: method = "lora".',
            )
        return EngineSettings(
            gguf=self.merged or self.base.gguf,
            adapters=() if self.adapter is None else (self.adapter,),
            alias=self.task.name,
            context_tokens=self.serving.context_tokens,
            threads=self.serving.threads,
            memory_limit_bytes=_bytes(self.serving.memory_limit_gb),
            kind=self.serving.engine,
            url=self.serving.url,
            model=self.serving.model,
            api_key_env=self.serving.api_key_env,
            privacy=self.task.privacy,
        )

    @contextmanager
    def serve(self, name: str, adapter: int | None) -> Iterator[ServedModel]:
        """Run the engine and yield its model: the tuned one for adapter 0, the base model alone for None."""
        settings = (self if adapter is not None else self._replace(merged=None)).settings()
        if not settings.adapters:
            adapter = None
        with ServedModel(
            name, settings, adapter=adapter, on_restart=self.on_restart, note=self.note
        ) as served:
            yield served

    @contextmanager
    def serve_with_keys(self, name: str, adapter: int | None) -> Iterator[Model]:
        """As ``serve``; answers have their keys, however the model writes them."""
        with self.serve(name, adapter) as served:
            yield served if adapter is None else self.with_keys(served)

    def with_keys(self, model: Model) -> Model:
        """Return the tuned model as one whose answers have their keys."""
        if not self.compact:
            return model
        return CompactModel(model, self.task.output, lambda: tokenizer_of(self.base.gguf))

    @property
    def scores_labels(self) -> bool:
        """Whether answers come with the probabilities of all labels."""
        return isinstance(self.task.output, Labels) and self.serving.engine in ENGINES

    @contextmanager
    def serve_judged(self, name: str, adapter: int | None) -> Iterator[Model]:
        """As ``serve_with_keys``; answers under a grammar state how sure their fields are."""
        with self.serve_with_keys(name, adapter) as model:
            yield JudgedModel(model, self.task.output, lambda: tokenizer_of(self.base.gguf))

    @contextmanager
    def serve_labelled(self, name: str, adapter: int | None) -> Iterator[Model]:
        """As ``serve``; answers to a task with labels come with their probabilities."""
        with (
            self.serve(name, adapter) as served,
            labelled(served, self.task, self.base.gguf, self.serving.engine, self.note) as model,
        ):
            yield model


def _bytes(gigabytes: float | None) -> int | None:
    return None if gigabytes is None else int(gigabytes * 1e9)


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
            attributes=example.attributes,
            contract=example.contract,
        )

    states_labels = adapter is not None and arm.constrained and local.scores_labels
    identity = _identity(local, adapter, max_tokens)
    if adapter is not None and arm.constrained:
        identity |= {"labels": "scored"} if states_labels else {"fields": "judged"}
    opened = local.serve_labelled if states_labels else local.serve_judged
    return ArmPlan(
        arm=arm,
        examples=examples,
        identity=identity,
        model=lambda: opened(arm.model, adapter),
        ask=ask,
    )


def _identity(local: Local, adapter: int | None, max_tokens: int) -> dict[str, str]:
    identity = {
        "base": local.base.digest,
        "max_tokens": str(max_tokens),
        "context_tokens": str(local.serving.context_tokens),
    }
    if local.serving.engine != "llamacpp":  # another engine may answer otherwise
        identity["engine"] = f"{local.serving.engine} {local.serving.url} {local.serving.model}"
    if adapter is not None and local.merged is not None:
        identity["merged"] = file_digest(local.merged)
    elif adapter is not None and local.adapter is not None:
        identity["adapter"] = file_digest(local.adapter)
    if adapter is not None and local.grounding is not None:
        identity["grounding"] = local.grounding.digest
    if adapter is not None and local.compact:
        identity["answers"] = "compact"
    return identity
