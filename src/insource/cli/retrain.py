"""``insource retrain``: make the model again when there is a reason, and judge it against the champion."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import click

from insource.cli.options import json_option, project_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from insource.types import Estimate
    from insource.types.retraining import Cycle, Mined, RetrainPlan, Trigger
    from insource.workflow.session import Session

EXIT_KEPT = 3


@click.command("retrain", short_help="Make the model again when there is a reason")
@click.option(
    "--dry-run", is_flag=True, help="Say what a cycle would do and cost; train, send and deploy nothing."
)
@click.option("--now", "wanted", metavar="REASON", help="Begin a cycle though no trigger is due; say why.")
@click.option(
    "--to-label", "only_queue", is_flag=True, help="Only name the documents to label next, for review."
)
@click.option("--history", is_flag=True, help="Only list the cycles so far.")
@click.option("--max-usd", type=click.FloatRange(0), help="Most to spend on answers of the cloud.")
@project_options
@json_option
def command(
    session: Session,
    dry_run: bool,
    wanted: str | None,
    only_queue: bool,
    history: bool,
    max_usd: float | None,
    as_json: bool,
) -> None:
    """Look at the triggers of [retrain]; when one is due, go through a cycle, or finish the one begun.

    A cycle adds what the cloud answered and people corrected to the rows, keeps every split, trains, exports
    and evaluates a challenger, and compares it with the champion on sealed and on fresh documents. One that
    passes goes into shadow on the ladder of `insource deploy`; else the champion stays, with the reason.
    Exits with 0, or with 3 when a cycle ended and the champion stays.
    """
    if sum((dry_run, wanted is not None, only_queue, history)) > 1:
        raise click.UsageError("Give one of --dry-run, --now, --to-label and --history.")
    if max_usd is not None and not math.isfinite(max_usd):
        raise click.BadParameter(f"{max_usd} is no amount; write one such as 5.", param_hint="--max-usd")
    session.cap_usd = max_usd
    if history:
        _history(session, as_json=as_json)
    elif dry_run:
        _plan(session, as_json=as_json)
    elif only_queue:
        _queue(session, as_json=as_json)
    else:
        _cycle(session, wanted or "", as_json=as_json)


def _plan(session: Session, *, as_json: bool) -> None:
    from insource.workflow.retrain_plan import plan_retraining
    from insource.workflow.situation import assess

    found = plan_retraining(session, assess(session))
    if as_json:
        _print(found.model_dump(mode="json"))
        return
    _show_triggers(found.triggers)
    for line in plan_lines(found):
        click.echo(line)
    for stop in found.stops:
        click.echo(f"  stops: {stop}")
    click.echo(found.sentence)


def plan_lines(plan: RetrainPlan) -> list[str]:
    """Return what a cycle would do and cost, a line each."""
    from insource.cli.output import duration
    from insource.cli.train import table_line

    got = plan.collected
    left = ", ".join(f"{reason} {count:,}" for reason, count in got.left_out.items()) or "none"
    seconds = "unknown" if plan.seconds.value is None else duration(plan.seconds.value)
    return [
        *([f"A cycle of {plan.resumes[:16]} was interrupted and goes on first."] if plan.resumes else []),
        table_line("champion", plan.champion, ""),
        table_line("base model", plan.base, ""),
        table_line("rows", f"{plan.rows:,}", "splits are kept; new documents fill every split"),
        table_line("of traffic", f"{got.rows:,}", f"{got.corrected:,} corrected by people; left out: {left}"),
        table_line("training", seconds, plan.seconds.note or plan.seconds.method),
        table_line("machine", _usd(plan.machine_usd), plan.machine_usd.note or plan.machine_usd.method),
        table_line("cloud", _usd(plan.cloud_usd), plan.cloud_usd.note or plan.cloud_usd.method),
        table_line(
            "labels",
            f"{plan.to_label:,} documents",
            f"{plan.label_hours:.1f} hours of review, ${plan.label_usd:,.2f}: insource retrain --to-label",
        ),
    ]


def _queue(session: Session, *, as_json: bool) -> None:
    from insource.workflow.retrain import to_label_next
    from insource.workflow.situation import assess

    mined = to_label_next(session, assess(session))
    if as_json:
        _print(mined.model_dump(mode="json"))
    _show_queue(mined)


def _cycle(session: Session, wanted: str, *, as_json: bool) -> None:
    from insource.pipeline import run
    from insource.workflow.ask_cloud import cloud_model
    from insource.workflow.retrain import retrain

    local_only = session.config.task.privacy == "local-only"

    def walk(own: Session) -> Any:
        return run(own, cloud=None if local_only else cloud_model(own))

    found = retrain(session, walk, wanted=wanted)
    if as_json:
        triggers = [one.model_dump(mode="json") for one in found.triggers]
        cycle = found.cycle.model_dump(mode="json") if found.cycle else None
        mined = found.mined.model_dump(mode="json") if found.mined else None
        _print({"schema_version": 1, "triggers": triggers, "cycle": cycle, "to_label": mined})
    _show_triggers(found.triggers, err=True)
    if found.cycle is None:
        _say("No cycle is due, and the champion stays. In spite of it: insource retrain --now REASON")
        if found.mined is not None:
            _show_queue(found.mined)
        return
    _show_cycle(found.cycle)
    if found.cycle.outcome in ("kept", "nothing new"):
        raise SystemExit(EXIT_KEPT)


def _history(session: Session, *, as_json: bool) -> None:
    from insource.workflow.cycles import cycles

    found = cycles(session)
    if as_json:
        _print({"schema_version": 1, "cycles": [one.model_dump(mode="json") for one in found]})
        return
    for one in found:
        due = ", ".join(trigger.name for trigger in one.triggers if trigger.due)
        state = one.outcome or f"interrupted after step {one.step!r}"
        click.echo(f"{one.started_at[:16]}  {state}  ({due})  ${one.cost.usd:,.2f}  {one.reason}")
    if not found:
        click.echo("No cycle yet.")


def _show_triggers(triggers: Sequence[Trigger], *, err: bool = False) -> None:
    for one in triggers:
        click.echo(f"  {one.name:<9} {'due' if one.due else 'not due':<8} {one.reason}", err=err)


def _show_queue(mined: Mined) -> None:
    queue = mined.queue
    if not queue.rows:
        _say(f"Nothing to label next. {queue.note}")
        return
    hours = f"{mined.label_hours:.1f} hours, ${mined.label_usd:,.2f}"
    _say(f"{len(queue.rows):,} documents to label next ({hours}). {queue.note}".rstrip())
    for row in queue.rows[:3]:
        _say(f"  {row.row_id}: {' '.join(row.reasons)}")
    _say("Next: insource dataset review --queue to-label")


def _show_cycle(cycle: Cycle) -> None:
    from insource.cli.output import duration

    cost = cycle.cost
    _say(f"\n{cycle.outcome or cycle.step}: {cycle.reason}")
    for note in cycle.ruling.notes if cycle.ruling else ():
        _say(f"  {note}")
    parts = f"{duration(cost.seconds)} of the machine, {cost.labels:,} documents reviewed"
    _say(f"The cycle cost ${cost.usd:,.2f}: {parts}, ${cost.cloud_usd:,.2f} of the cloud.")


def _usd(amount: Estimate) -> str:
    from insource.foundation.money import show_usd

    return show_usd(amount.value)


def _print(document: dict[str, Any]) -> None:
    click.echo(json.dumps(document, ensure_ascii=False))


def _say(text: str) -> None:
    from insource.cli.output import say

    say(text)
