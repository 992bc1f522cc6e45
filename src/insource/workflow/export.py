"""Export the trained model and check its parity."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from insource.arms.local import Local, longest_answer
from insource.arms.prompts import grammar_for
from insource.evaluation.run import Confidence
from insource.export.stage import TOKENIZER_FILE, export, served_file
from insource.models.catalogue import resolve
from insource.models.engines.protocol import EngineModel
from insource.routing.confidence import confidence_scorer
from insource.runs.folders import Run
from insource.training.stage import summary
from insource.types import Dataset, Task
from insource.workflow.ground import ground
from insource.workflow.session import Session
from insource.workflow.train import train_model


class Made(NamedTuple):
    """The tuned model: its training run, its export, and what it takes to serve it.

    ``grounding`` is the file of ``local.grounding``.
    """

    trained: Run
    exported: Run
    local: Local
    confidence: Confidence
    grounding: Path | None = None


def make_model(session: Session, dataset: Dataset, task: Task) -> Made:
    """Train, export, and check that what is served answers as what was trained."""
    grounded = ground(session, dataset, task)
    trained = train_model(session, dataset, task, grounded.grounding)
    base = resolve(session.config.training.model)
    section = session.config.evaluation
    session.begin("export", "adapter to GGUF, then the parity gate")
    local = Local(
        task=task,
        base=base,
        adapter=Path(),
        serving=session.config.serving,
        max_new_tokens=section.max_new_tokens or longest_answer(summary(trained)),
        on_restart=lambda reason: session.display.note(f"The engine was started again: {reason}"),
        note=session.display.note,
    )

    @contextmanager
    def serve(file: Path) -> Iterator[EngineModel]:
        with local.of(file).serve("parity", 0) as served:
            yield served.model

    exported = session.done(
        export(
            session.project.runs,
            dataset,
            task,
            base,
            trained,
            serve,
            parity_prompts=section.parity_prompts,
            max_new_tokens=local.max_new_tokens,
            context_tokens=session.config.serving.context_tokens,
        )
    )
    local = local.of(served_file(exported))._replace(
        grounding=grounded.grounding, compact=summary(trained).compact_answers
    )
    confidence = confidence_scorer(
        exported.path / TOKENIZER_FILE, lambda e: grammar_for(task, e, grounded.grounding), task.output
    )
    return Made(trained, exported, local, confidence, grounded.file)
