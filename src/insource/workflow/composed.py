"""Serve what is made of several models: a hybrid, or stages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from insource.foundation.errors import IntegrityError
from insource.models.assembled import AskedModel, AssembledModel
from insource.models.fitted.model import request_to
from insource.models.protocol import Model
from insource.routing.ways.stages import StagedModel
from insource.types import JsonSchema, RunResult, Served, Task
from insource.workflow.deployed import RUN_THE_LOOP, Deployed, Opened


def hybrid(result: RunResult, task: Task, served: Served, parts: Sequence[Deployed]) -> Deployed:
    """Return what answers each field by the part that is better at it.

    Raises:
        IntegrityError: ``digest-mismatch`` for a task without JSON answers.
    """
    output = task.output
    if not isinstance(output, JsonSchema):
        raise IntegrityError(
            "digest-mismatch",
            f"{result.run_id} chose a hybrid, which answers in JSON, and the task has no JSON answers.",
            hint=RUN_THE_LOOP,
        )

    def assembled(models: Sequence[Model]) -> Model:
        return AssembledModel(served.model, models, served.source, output)

    return _of_parts(result, task, served, parts, assembled)


def staged(result: RunResult, task: Task, served: Served, parts: Sequence[Deployed]) -> Deployed:
    """Return what answers by the first part where that is sure enough, else by the second."""

    def in_stages(models: Sequence[Model]) -> Model:
        return StagedModel(models[0], models[1], served.keep_from)

    return _of_parts(result, task, served, parts, in_stages)


def _of_parts(
    result: RunResult,
    task: Task,
    served: Served,
    parts: Sequence[Deployed],
    together: Callable[[Sequence[Model]], Model],
) -> Deployed:
    @contextmanager
    def opened() -> Iterator[Opened]:
        with ExitStack() as stack:
            ready = [stack.enter_context(part.open()) for part in parts]
            models = [
                AskedModel(one.model, part.ask, part.judge) for one, part in zip(ready, parts, strict=True)
            ]
            yield Opened(together(models), lambda: all(one.alive() for one in ready))

    return Deployed(
        result=result,
        task=task,
        name=served.model,
        policy=parts[0].policy,
        open=opened,
        ask=lambda document: request_to(task, document),
        slots=min(part.slots for part in parts),
        engine=next((part.engine for part in parts if part.engine), ""),
    )
