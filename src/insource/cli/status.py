"""``insource status``: show the state of the project and the next command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from insource.cli.options import json_option, project_options

if TYPE_CHECKING:
    from insource.workflow.session import Session

STAGES = ("train", "export", "evaluate", "run")


@click.command("status", short_help="Show the state of the project")
@project_options
@json_option
def command(session: Session, as_json: bool) -> None:
    """Show the recorded calls, datasets, finished and interrupted stages, last verdict and next command."""
    from insource.cli.output import say

    found = collect(session)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    click.echo(f"{session.project.title}  ({session.config.task.name})")
    for call in found["calls"]:
        click.echo(f"  log       {call['calls']:,} calls to {call['model']}, {call['errors']} errors")
    click.echo(f"  datasets  {', '.join(found['datasets']) or 'none'}")
    for stage in STAGES:
        runs = found["runs"][stage]
        click.echo(
            f"  {stage:<9} {runs[0] if runs else 'none'}" + (f" (+{len(runs) - 1})" if runs[1:] else "")
        )
    if found["interrupted"]:
        click.echo(f"  interrupted: {', '.join(found['interrupted'])}; run the same command to resume")
    if found["verdict"]:
        click.echo(f"  verdict   {found['verdict']}")
    say(f"Next: {found['next']}")


def collect(session: Session) -> dict[str, Any]:
    """Return the state of the workspace as one document."""
    from insource.logs.recorder import STORE_FILE
    from insource.store.calls.calls import call_stats
    from insource.store.database import open_database

    workspace, runs = session.project.workspace, session.project.runs
    calls: list[dict[str, Any]] = []
    if (workspace / STORE_FILE).exists():
        with open_database(workspace / STORE_FILE) as database:
            calls = [stats.model_dump(mode="json") for stats in call_stats(database)]
    by_stage = {stage: [run.run_id for run in runs.complete(stage)] for stage in STAGES}
    last = next(runs.complete("run"), None)
    datasets = sorted(path.parent.name for path in (workspace / "datasets").glob("*@*/manifest.json"))
    return {
        "schema_version": 1,
        "calls": calls,
        "datasets": datasets,
        "runs": by_stage,
        "interrupted": runs.interrupted(),
        "verdict": f"{last.result['verdict']}: {last.result['sentence']}" if last else None,
        "next": "insource gateway"
        if last
        else "insource decide"
        if calls and not datasets
        else "insource run",
    }
