"""Train the adapter."""

from __future__ import annotations

from insource.dataset.rows.teacher_policy import check_teachers, read_policy
from insource.models.catalogue import resolve
from insource.runs.folders import Run
from insource.training.stage import Watch, line, train
from insource.types import Dataset, Task
from insource.workflow.session import Session


def train_model(session: Session, dataset: Dataset, task: Task) -> Run:
    """A LoRA adapter on the embedded model, from the training split's labels."""
    section = session.config.training
    policy_path = session.project.policy_path
    check_teachers(dataset.splits["train"], read_policy(policy_path), policy_path)
    base = resolve(section.model)
    session.begin("train", f"LoRA on {base.name}, loss on the answers only")
    watch = Watch(
        planned=session.display.planned,
        point=lambda point, recipe: session.display.progress(line(point), point.step, recipe.steps),
    )
    return session.done(
        train(session.project.runs, dataset, task, base, section, session.config.project.seed, watch)
    )
