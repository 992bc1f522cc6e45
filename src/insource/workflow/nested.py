"""Train on nested parts of the training split and answer the validation documents: a learning curve's points.

Each fit, training and evaluation is a run of its own, so that what was finished is never done again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from insource.arms.classical import fields, labels
from insource.arms.factory import ArmFactory
from insource.arms.local import local_plan
from insource.dataset.identity import identity_of
from insource.decision.sufficiency.losses import Asked
from insource.decision.sufficiency.nested import part_of
from insource.decision.sufficiency.suffices import Trained
from insource.evaluation.plan import ArmPlan
from insource.evaluation.scorers import build_scorer, training_forms
from insource.evaluation.stage import Evaluated, evaluate_arm, load
from insource.foundation.canonical import digest
from insource.foundation.errors import IntegrityError
from insource.runs.folders import Run, StageSpec, damaged
from insource.types import Arm, Dataset, EvalRecord, Example, Split, Task
from insource.types.sufficiency import CurveSource
from insource.workflow.evaluate import inputs_of, validation_documents
from insource.workflow.export import make_model
from insource.workflow.session import Session

STAGE, VERSION = "probe", 1
CLASSICAL: Mapping[str, ArmFactory] = {"labels": labels.NGRAM_FACTORY, "json": fields.FACTORY}
"""The arm of each kind of output that is fitted in seconds and asks no weights of anybody."""

Answer = Callable[[int, int], Evaluated | None]
"""Answers the validation documents after training on so many rows of an order; None where it cannot."""


def classical(session: Session, dataset: Dataset, task: Task) -> Answer:
    """Return what fits the classical arm of the task's kind of output and asks every validation document."""
    factory = CLASSICAL[task.output.kind]

    def answer(rows: int, order: int) -> Evaluated | None:
        part = part_of(dataset, rows, order, session.config.project.seed)
        plan = _fitted(session, part, task, factory)
        if plan is None:
            return None
        named = _named(plan, rows, order)._replace(examples=dataset.splits["validation"])
        return _evaluated(session, dataset, task, "validation", named)

    return answer


def held_out(session: Session, dataset: Dataset, task: Task, sizes: Sequence[int]) -> Iterator[Evaluated]:
    """Yield what two models, each fitted to about one half of the training rows, answer to the other half."""
    if len(sizes) < 2:
        return
    for order in (0, 1):
        part = part_of(dataset, sizes[-2], order, session.config.project.seed)
        plan = _fitted(session, part, task, CLASSICAL[task.output.kind])
        if plan is None:
            return
        seen = {one.row_id for one in part.splits["train"]}
        rest = tuple(one for one in dataset.splits["train"] if one.row_id not in seen)
        named = _named(plan, sizes[-2], order)._replace(examples=rest)
        yield _evaluated(session, dataset, task, "train", named)


def fine_tuned(session: Session, dataset: Dataset, task: Task) -> Answer:
    """Return what trains, exports and asks the tuned model as the ladder does, on a part of the rows."""
    examples = validation_documents(session, dataset)

    def answer(rows: int, order: int) -> Evaluated | None:
        part = part_of(dataset, rows, order, session.config.project.seed)
        try:
            made = make_model(session, part, task)
        except IntegrityError as error:  # the parity gate, on a model that hardly learnt anything
            session.display.note(f"{rows:,} rows are left out of the curve: {error.message}")
            return None
        arm = Arm(
            name="tuned",
            model=made.local.tuned_name,
            kind="tuned",
            local=True,
            constrained=True,
            description="fine-tuned on a part of the training rows",
        )
        plan = local_plan(made.local.here(), arm, examples, adapter=0, describe=False)
        return _evaluated(session, dataset, task, "validation", _named(plan, rows, order))

    return answer


def _fitted(session: Session, part: Dataset, task: Task, factory: ArmFactory) -> ArmPlan | None:
    inputs = inputs_of(session, part, task, None)
    if reason := factory.why_not(inputs):
        session.display.note(f"{len(part.splits['train']):,} rows are left out of the curve: {reason}")
        return None
    (plan,) = factory.make(inputs)
    return plan


def _named(plan: ArmPlan, rows: int, order: int) -> ArmPlan:
    """Return the plan of an arm that nobody takes for the one that was trained on all rows."""
    name = f"{plan.arm.name}, {rows} rows" + (f", order {order}" if order else "")
    return plan._replace(arm=plan.arm.model_copy(update={"name": name}), note="")


def _evaluated(session: Session, dataset: Dataset, task: Task, split: Split, plan: ArmPlan) -> Evaluated:
    scorer = build_scorer(task, training_forms(task, dataset.splits["train"]))
    return evaluate_arm(session.project.runs, dataset, task, split, plan, scorer)


def nested_spec(
    session: Session, dataset: Dataset, task: Task, source: CurveSource, sizes: Sequence[int], orders: int
) -> StageSpec:
    """Return what determines the points of a curve, so that they are found again without any training."""
    judged: Sequence[Example] = dataset.splits["validation"]
    config: dict[str, Any] = {"source": source, "sizes": list(sizes), "orders": orders}
    if source == "fine-tune":
        judged = validation_documents(session, dataset)
        config["training"] = session.config.training.model_dump(mode="json")
        config["context"] = session.config.serving.context_tokens
    train = dataset.splits["train"]
    return StageSpec(
        stage=STAGE,
        version=VERSION,
        inputs={
            "train": identity_of(train),
            "targets": digest([example.target for example in (*train, *judged)]),
            "judged": identity_of(judged),
        },
        config=config | {"task": task.model_dump(mode="json", exclude={"margin", "privacy"})},
        seed=session.config.project.seed,
    )


class Nested(NamedTuple):
    """What a probe trained, and what it answered to training rows that it had not seen."""

    trained: Trained
    doubted: tuple[EvalRecord, ...] = ()


def train_nested(
    session: Session,
    dataset: Dataset,
    spec: StageSpec,
    answer: Answer,
    halves: Callable[[], Iterator[Evaluated]] = lambda: iter(()),
) -> Nested:
    """Train on each size and order, or read back the run that did. ``halves`` are asked at the end.

    The largest size has one order: all rows.
    """
    sizes, orders = spec.config["sizes"], spec.config["orders"]
    steps = [(rows, order) for order in range(orders) for rows in sizes if order == 0 or rows < sizes[-1]]

    def work(folder: Path) -> dict[str, Any]:
        points, arms = [], []
        for done, (rows, order) in enumerate(steps):
            session.display.progress(f"{rows:,} rows", done, len(steps))
            if (found := answer(rows, order)) is None:
                continue
            part = part_of(dataset, rows, order, spec.seed).splits["train"]
            counts = dict(Counter(one.target for one in part)) if found.evaluation.classes else {}
            points.append({"rows": rows, "order": order, "labels": counts, "evaluated": found.run.digest})
            arms.append(found.evaluation.arm.model)
        doubted = [found.run.digest for found in halves()]
        session.display.progress("all sizes", len(steps), len(steps))
        return {"arm": arms[-1] if arms else "", "points": points, "doubted": doubted}

    return _read(session, session.done(session.project.runs.run(spec, work)))


def _read(session: Session, run: Run) -> Nested:
    kept = {one.digest: one for one in session.project.runs.complete("evaluate")}

    def records(found: str) -> tuple[EvalRecord, ...]:
        if found not in kept:
            raise damaged(run.path, "an evaluation that it names")
        return load(kept[found]).records

    asked = [
        Asked(
            rows=point["rows"],
            order=point["order"],
            records=records(point["evaluated"]),
            labels=point["labels"],
        )
        for point in run.result["points"]
    ]
    trained = Trained(run.manifest["spec"]["config"]["source"], run.result["arm"], "", asked)
    return Nested(trained, tuple(record for half in run.result["doubted"] for record in records(half)))
