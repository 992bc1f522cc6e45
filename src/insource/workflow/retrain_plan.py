"""What a cycle of retraining would do and cost, before anything of it is done."""

from __future__ import annotations

from insource.foundation.errors import InsourceError
from insource.lifecycle.triggers import base_to_train
from insource.types import NOT_MEASURED, Dataset, Estimate
from insource.types.retraining import RetrainPlan
from insource.workflow.ask_cloud import cloud_price
from insource.workflow.champion import learned_from
from insource.workflow.cycles import open_cycle
from insource.workflow.mine import label_cost
from insource.workflow.project import on_base
from insource.workflow.session import Session
from insource.workflow.situation import Assessed, triggers_of
from insource.workflow.train import plan_training


def plan_retraining(session: Session, found: Assessed) -> RetrainPlan:
    """Return what a cycle would do and cost now; nothing is trained, sent or written."""
    triggers = triggers_of(session, found)
    base = base_to_train(found.situation)
    rows = sum(len(examples) for examples in found.dataset.splits.values())
    new = max(0, found.collected.rows - _already(found))
    seconds, usd, stops = _training(
        session.anew(on_base(session.project, base)), found, (rows + new) / max(1, rows)
    )
    labels = session.config.retrain.labels
    hours, label_usd = label_cost(session, labels)
    resumed = open_cycle(session)
    due = [one.name for one in triggers if one.due]
    return RetrainPlan(
        task=session.config.task.name,
        champion=found.champion.run_id,
        base=base,
        triggers=triggers,
        collected=found.collected,
        rows=rows + new,
        seconds=seconds,
        machine_usd=usd,
        cloud_usd=_asking(session, found, new + _of_source(session, found)),
        to_label=labels,
        label_hours=hours,
        label_usd=label_usd,
        resumes=resumed.started_at if resumed else "",
        stops=stops,
        sentence=f"A cycle is due: {', '.join(due)}." if due else "No cycle is due.",
    )


def _already(found: Assessed) -> int:
    """Return how many rows of the traffic today's dataset has."""
    ids = _ids(found.dataset)
    return sum(row.row_id in ids for row in found.fresh.rows)


def _of_source(session: Session, found: Assessed) -> int:
    """Return how many rows of today's dataset the last training did not have."""
    before = _ids(learned_from(session, found.last))
    return len(_ids(found.dataset) - before)


def _ids(dataset: Dataset) -> set[str]:
    return {one.row_id for examples in dataset.splits.values() for one in examples}


def _training(session: Session, found: Assessed, growth: float) -> tuple[Estimate, Estimate, tuple[str, ...]]:
    """Return time and money of the training by the planner, in proportion to the rows, and what stops it."""
    task = session.project.task(found.dataset.manifest.output)
    try:
        plan = plan_training(session, found.dataset, task)
    except InsourceError as error:
        unknown = NOT_MEASURED.model_copy(update={"note": error.message})
        return unknown, unknown, (error.message,)
    method = f"{plan.seconds.method}; times {growth:.2f} for the new rows"
    seconds = plan.seconds.scaled(growth, method)
    return seconds, plan.usd.scaled(growth, plan.usd.method), tuple(one.message for one in plan.stops)


def _asking(session: Session, found: Assessed, new: int) -> Estimate:
    """Return what asking the cloud about the new documents costs."""
    model = session.config.reference.model
    if not model or session.config.task.privacy == "local-only":
        return Estimate(
            value=0.0, method="nothing is sent: no cloud model is configured, or none may be asked"
        )
    task = session.project.task(found.dataset.manifest.output)
    price = cloud_price(session, found.dataset, task, model)
    if price.per_1000_usd is None:
        return NOT_MEASURED.model_copy(update={"note": f"the price of {model} is not known"})
    return Estimate(value=price.per_1000_usd / 1000 * new, n=new, method=price.basis)
