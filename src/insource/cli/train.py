"""``insource train``: fine-tune the model on the training split."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from insource.cli.options import json_option, training_options

if TYPE_CHECKING:
    from insource.training.launch.jobs import Launcher
    from insource.training.planning.training_plan import TrainingPlan
    from insource.workflow.session import Session

GIB = 2**30


@click.command("train", short_help="Fine-tune the small model")
@training_options
@click.option("--plan", "only_plan", is_flag=True, help="Print the plan and the checks; train nothing.")
@click.option(
    "--launcher",
    type=click.Choice(["accelerate", "ray", "skypilot"]),
    default="accelerate",
    help="accelerate: train here, in training.processes. ray, skypilot: print a job file for a cluster.",
)
@json_option
def command(session: Session, only_plan: bool, launcher: Launcher, as_json: bool) -> None:
    """Plan, check and train. After Ctrl-C, the same command resumes from the last checkpoint.

    With --plan, print what would be trained and why, its memory, time and price, and what would stop it; the
    exit code is 1 when a check would.

    With --launcher ray or skypilot, print a job that trains on the smallest card on which the plan fits.
    """
    from insource.cli.output import near, say, show
    from insource.training.stage import summary
    from insource.workflow.build import build_dataset
    from insource.workflow.ground import ground
    from insource.workflow.train import plan_training, train_model, training_job

    dataset, task = build_dataset(session)
    if only_plan:
        _show(plan_training(session, dataset, task), as_json=as_json)
        return
    if launcher != "accelerate":
        click.echo(training_job(session, dataset, task, launcher), nl=False)
        return
    trained = train_model(session, dataset, task, ground(session, dataset, task).grounding)
    found = summary(trained)
    if as_json:
        click.echo(json.dumps(found.model_dump(mode="json")))
    by = f"{found.metric.replace('_', ' ')} {show(found.score)}" if found.metric else "validation loss"
    say(f"\nKept step {found.best_step} of {found.steps} by {by}; stopped {found.stopped}")
    say(f"Wrote {near(trained.path)}")
    say("Next: insource export")


def _show(plan: TrainingPlan, *, as_json: bool) -> None:
    from insource.cli.output import say, styled

    if as_json:
        click.echo(json.dumps(plan.model_dump(mode="json"), ensure_ascii=False))
    else:
        for line in plan_lines(plan):
            click.echo(line)
    for stop in plan.stops:
        say(f"{styled('stops:', fg='red', bold=True)} {stop.code}: {stop.message}")
        for line in stop.details:
            say(f"  {line}")
        say(f"  {stop.hint}")
        if stop.overridable:
            say("  If you know better: --force, which the run records and the report shows.")
    if plan.stops:
        raise SystemExit(1)


def plan_lines(plan: TrainingPlan, where: str = "this machine") -> list[str]:
    """Return a plan as lines of a table: name, value, reason."""
    from insource.cli.output import duration
    from insource.foundation.money import show_usd

    data = plan.data
    free = f"{plan.available_bytes / GIB:.1f} GiB may be taken"
    answer = f"fits {where}: {free}" if plan.fits else f"DOES NOT FIT {where}: {free}"
    parts = ", ".join(f"{name} {size / GIB:.2f}" for name, size in plan.memory_parts.items() if size)
    seconds, usd = plan.seconds, plan.usd
    known = seconds.value is not None
    spread = f"{duration(seconds.low or 0)} to {duration(seconds.high or 0)}, by {seconds.method}"
    rows = [
        ("base model", plan.base_model, plan.machine.in_words),
        (
            "rows",
            f"{data.examples:,}",
            f"{data.mean_row_tokens:.0f} tokens on average, {data.mean_answer_tokens:.0f} of them learned; "
            f"the longest has {data.longest_row_tokens}",
        ),
        *((choice.name, choice.value, choice.reason) for choice in plan.choices),
        ("memory", f"{(plan.memory_bytes.value or 0) / GIB:.1f} GiB", f"{answer} ({parts})"),
        ("time", duration(seconds.value or 0) if known else "unknown", spread if known else seconds.note),
        ("money", show_usd(usd.value), usd.method if usd.measured else usd.note),
        ("ends", plan.ends[0], "; ".join(plan.ends[1:])),
    ]
    return [table_line(*row) for row in rows]


def table_line(name: str, value: str, reason: str) -> str:
    """Return one line of a plan."""
    return f"{name:<14} {value:<24} {reason}"
