"""Read the model of a finished run, ready to be served."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from insource.arms.local import Local
from insource.arms.prompts import task_grammar
from insource.export.stage import TOKENIZER_FILE
from insource.foundation.errors import IntegrityError, UserError
from insource.models.catalogue import resolve
from insource.runs.result import load
from insource.types import Completion, Policy, RunResult, Task
from insource.workflow.session import Session


class Deployed(NamedTuple):
    """What `insource serve` and `insource gateway` start from."""

    result: RunResult
    task: Task
    local: Local
    policy: Policy
    confidence: Callable[[Completion], float | None]


def deployed(session: Session, run: str | None = None) -> Deployed:
    """The newest complete run's model, or that of ``run``.

    Raises:
        UserError: ``no-such-run``, or ``model-not-found`` when its export was deleted.
    """
    from insource.routing.confidence import document_confidence, load_tokenizer

    result, _ = load(session.project.runs, run)
    adapter = Path(result.paths["adapter"])
    if result.training is None or result.routing is None:
        raise UserError(
            "model-not-found",
            f"{result.run_id} measured no model that can be served.",
            hint="Run the whole loop: insource run",
        )
    if not adapter.is_file():
        raise UserError(
            "model-not-found",
            f"The adapter of {result.run_id} is not there any more: {adapter}.",
            hint="Make it again: insource run",
        )
    # The prompt and the limits are those that were trained and calibrated, not today's configuration.
    task = session.project.task(result.dataset.output)
    task = task.model_copy(update={"instruction": result.instruction})
    base = resolve(result.training.base_model)
    if base.digest != result.base_digest:
        raise IntegrityError(
            "digest-mismatch",
            f"The base model {base.name} is not the file that {result.run_id} was trained on.",
            hint="Put the old file back, or train on the new one: insource run",
        )
    local = Local(
        task=task,
        base=base,
        adapter=adapter,
        serving=session.config.serving,
        max_new_tokens=result.max_new_tokens,
        on_restart=lambda reason: session.display.note(f"The engine was started again: {reason}"),
    )
    tokenizer = adapter.with_name(TOKENIZER_FILE)
    grammar = task_grammar(task)
    return Deployed(
        result=result,
        task=task,
        local=local,
        policy=result.routing.policy,
        confidence=lambda completion: document_confidence(completion, grammar, load_tokenizer(tokenizer)),
    )
