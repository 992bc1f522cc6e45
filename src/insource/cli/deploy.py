"""``insource deploy``: move the traffic of a task to a version, step by step, and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from insource.cli.deploy_anchors import command as anchors
from insource.cli.deploy_cloud import command as cloud
from insource.cli.options import json_option, project_options

if TYPE_CHECKING:
    from insource.types.deployment import Deployment, DeploymentEvent
    from insource.workflow.deploy import Standing
    from insource.workflow.session import Session


@click.group("deploy", short_help="Move traffic to a version step by step, and back")
def command() -> None:
    """Move the traffic of a task to a version of its model, step by step, and back.

    A running `insource gateway` follows within a second. It compares answers with the cloud's, and takes the
    next step, or withdraws the version, when the evidence says so.
    """


command.add_command(anchors)
command.add_command(cloud)


run_argument = click.argument("run", required=False)
arm_option = click.option("--arm", help="Another arm of the run than the one it chose.")
only_option = click.option(
    "--only",
    "pairs",
    multiple=True,
    metavar="TAG=VALUE",
    help="Only calls with this tag (feature, user or prompt_version); repeatable.",
)


def _only(pairs: tuple[str, ...]) -> dict[str, str] | None:
    found = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or name not in ("feature", "user", "prompt_version"):
            raise click.BadParameter(
                f"{pair!r} is not a tag and its value, such as feature=search", param_hint="--only"
            )
        found[name] = value
    return found or None


@command.command("shadow", short_help="Let a version answer calls that nobody sees")
@run_argument
@arm_option
@only_option
@project_options
@json_option
def shadow(session: Session, run: str | None, arm: str | None, pairs: tuple[str, ...], as_json: bool) -> None:
    """Let the version of RUN (default: the newest run) answer a sample of the calls, for nobody to see."""
    from insource.workflow import deploy

    _told(deploy.shadow(session, run, arm, only=_only(pairs)), as_json)


@command.command("canary", short_help="Let a version answer a small share of the calls")
@run_argument
@arm_option
@only_option
@click.option("--share", type=click.FloatRange(0, 1, min_open=True), help="First share of the calls.")
@click.option(
    "--force", is_flag=True, help="Even if its policy serves nothing, or it was withdrawn just now."
)
@project_options
@json_option
def canary(
    session: Session,
    run: str | None,
    arm: str | None,
    pairs: tuple[str, ...],
    share: float | None,
    force: bool,
    as_json: bool,
) -> None:
    """Let the version in shadow, or that of RUN, answer the first of `rollout.shares` of the calls.

    The gateway raises the share when few enough answers are shown to be wrong, up to all calls, and withdraws
    the version when too many are.
    """
    from insource.workflow import deploy

    _told(deploy.canary(session, run, arm, share=share, only=_only(pairs), force=force), as_json)


@command.command("promote", short_help="Let a version answer all calls")
@run_argument
@arm_option
@click.option("--force", is_flag=True, help="Without the evidence for it.")
@project_options
@json_option
def promote(session: Session, run: str | None, arm: str | None, force: bool, as_json: bool) -> None:
    """Let the version in canary answer all calls now, if it is shown to be safe; --force decides it alone."""
    from insource.workflow import deploy

    _told(deploy.promote(session, run, arm, force=force), as_json)


@command.command("rollback", short_help="Withdraw the newest version")
@click.option("--reason", default="", help="Why, for the history.")
@project_options
@json_option
def rollback(session: Session, reason: str, as_json: bool) -> None:
    """Withdraw the version in shadow or canary; without one, go back to the version before the present one.

    Without a version before it, the cloud answers.
    """
    from insource.workflow import deploy

    _told(deploy.rollback(session, reason=reason), as_json)


@command.command("status", short_help="Show what is deployed and what the evidence says")
@project_options
@json_option
def status(session: Session, as_json: bool) -> None:
    """Show which versions answer, their shares, and what the audits say until now."""
    from insource.workflow import deploy

    found = deploy.status(session)
    if as_json:
        click.echo(json.dumps(_standing(found), ensure_ascii=False))
        return
    for line in _status_lines(session.config.task.name, found):
        click.echo(line)


@command.command("history", short_help="Show every decision about the traffic")
@click.option("-n", "limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many.")
@project_options
@json_option
def history(session: Session, limit: int, as_json: bool) -> None:
    """Show every decision about the task's traffic, its reason and its evidence; the newest last."""
    from insource.workflow import deploy

    found = deploy.history(session, limit)
    if as_json:
        click.echo(json.dumps([one.model_dump(mode="json") for one in found], ensure_ascii=False))
        return
    if not found:
        click.echo("Nothing was deployed yet. Start with: insource deploy shadow")
    for one in found:
        click.echo(_event_line(one))


def _told(made: Deployment, as_json: bool) -> None:
    if as_json:
        click.echo(made.model_dump_json())
        return
    for line in _deployment_lines(made):
        click.echo(line)


def _deployment_lines(made: Deployment) -> list[str]:
    from insource.workflow.deploy import version_label

    lines = [f"{made.task}, revision {made.revision}", f"  answers      {version_label(made.champion)}"]
    if made.challenger is not None:
        where = "in shadow" if made.stage == "shadow" else f"{made.share:.0%} of the calls"
        lines.append(f"  {made.stage:<11}  {version_label(made.challenger)}, {where}")
        if made.only:
            lines.append(
                "  only         " + ", ".join(f"{name}={value}" for name, value in made.only.items())
            )
    if made.previous is not None:
        lines.append(f"  previous     {version_label(made.previous)}, kept open to go back to")
    return lines


def _status_lines(task: str, found: Standing) -> list[str]:
    if found.deployment is None:
        return [
            f"Nothing is deployed for {task!r} by hand: `insource gateway` answers with the newest run.",
            "Start with: insource deploy shadow",
        ]
    lines = _deployment_lines(found.deployment)
    if found.deployment.stage == "shadow":
        n, wrong = found.shadow
        lines.append(f"  audits       {wrong} of {n} answers that it would serve differ from the cloud's")
    if found.step is not None:
        lines.append(f"  {found.step.move:<11}  {found.step.reason}")
    if found.no_audits:
        lines.append(f"  no audits    {found.no_audits}")
    lines.append(f"  audits cost  {found.spent_today_usd} USD today")
    if found.last is not None:
        lines.append(f"  last         {_event_line(found.last)}")
    return lines


def _event_line(event: DeploymentEvent) -> str:
    from insource.foundation.clock import iso

    who = "" if event.by == "operator" else f" [{event.by}]"
    about = f" {event.version}:" if event.version else ""
    return f"{iso(event.at)} r{event.revision} {event.kind}{about} {event.reason}{who}"


def _standing(found: Standing) -> dict[str, Any]:
    deployment, last, step = found.deployment, found.last, found.step
    return {
        "deployment": deployment and deployment.model_dump(mode="json"),
        "step": step and {"move": step.move, "reason": step.reason, "evidence": step.evidence.figures()},
        "shadow": {"answers": found.shadow[0], "differ": found.shadow[1]},
        "audits_cost_today_usd": found.spent_today_usd,
        "no_audits": found.no_audits,
        "last": last and last.model_dump(mode="json"),
    }
