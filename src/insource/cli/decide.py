"""``insource decide``: say whether it is worth it, what would change the answer, and what to try next."""

from __future__ import annotations

import json
import math
import re
import shlex
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from insource.cli.options import config_option, json_option, open_session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from insource.types.decided import Decision
    from insource.workflow.session import Session

EXIT_NO_GO, EXIT_UNDECIDED = 3, 4
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600}


def seconds_of(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Return a time such as ``90s``, ``30m`` or ``2h`` in seconds."""
    if value is None:
        return None
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|m|min|h)\s*", value)
    if found is None:
        raise click.BadParameter(f"{value!r} is no duration; write 90s, 30m or 2h.", ctx, param)
    return float(found[1]) * _UNITS[found[2]]


def finite(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    """Refuse a cap that caps nothing."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is no amount; write one such as 5.", ctx, param)
    return value


@click.command("decide", short_help="Decide: is it worth it, and what to try next")
@click.argument("task", required=False)
@click.option(
    "--depth",
    type=click.Choice(["log", "ladder", "probe"]),
    help="`log`: the log alone. `ladder`: measure every rung first. `probe`: learning curve and more besides."
    " Default: all that is measured already.",
)
@click.option(
    "--budget",
    "budget_s",
    callback=seconds_of,
    metavar="TIME",
    help="Most time to measure, such as 30m or 2h.",
)
@click.option(
    "--max-usd",
    type=click.FloatRange(0),
    callback=finite,
    help="Most to spend on answers; overrides reference.max_usd.",
)
@click.option("--since", type=click.DateTime(), help="Only calls since then (UTC).")
@click.option(
    "--markdown",
    "markdown_path",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Write the decision as Markdown, for a pull request; - is standard output.",
)
@config_option
@click.option("--yes", is_flag=True, help="Do not ask before spending money.")
@click.option("-q", "--quiet", is_flag=True, help="Print only results and errors.")
@json_option
def command(
    task: str | None,
    depth: str | None,
    budget_s: float | None,
    max_usd: float | None,
    since: datetime | None,
    markdown_path: Path | None,
    config_path: Path,
    yes: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Decide about TASK, or about every task of the log, the costliest first.

    Nothing is sent, trained or run unless --depth asks for it. Exits with 0 for a go, 3 for a no-go, 4 when
    undecided, of the costliest task; where `decision.gates` are set, with 0 when all are met, 3 when one is
    not, 4 when one cannot be decided.
    """
    from datetime import UTC

    from insource.workflow.advise import advise

    flags = {"reference.max_usd": max_usd}
    session = open_session(
        config_path, flags, yes=yes, quiet=quiet, or_defaults=config_path == Path("insource.toml")
    )
    session.cap_usd = max_usd
    deeper = None
    if depth in ("ladder", "probe") and _measure(session, budget_s) and depth == "probe":
        from insource.workflow.depths import probed

        spent_s = (session.clock.now() - session.started).total_seconds()
        left_s = None if budget_s is None else max(budget_s - spent_s, 0.0)
        deeper = probed(session, left_s, max_usd)
    moment = since.replace(tzinfo=UTC) if since is not None and since.tzinfo is None else since
    found = advise(session, task=task, since=moment, with_ladder=depth != "log", deeper=deeper)
    _show(session, found, markdown_path, as_json=as_json)
    raise SystemExit(exit_code(found[0]))


def exit_code(decision: Decision) -> int:
    """Return 0, 3 or 4: by the gates where there are any, else by the verdict."""
    if decision.gates:
        if decision.own is not None and decision.own.standing == "ruled out":
            return EXIT_NO_GO  # good figures of what may not be used
        met = [one.met for one in decision.gates]
        return EXIT_NO_GO if False in met else EXIT_UNDECIDED if None in met else 0
    return {"go": 0, "no-go": EXIT_NO_GO, "undecided": EXIT_UNDECIDED}[decision.verdict.outcome]


def _measure(session: Session, budget_s: float | None) -> bool:
    """Run the loop, unless it is known to take longer than the budget; return whether a run is there then."""
    from insource.cli.output import duration
    from insource.pipeline import run
    from insource.workflow.ask_cloud import cloud_model
    from insource.workflow.depths import ladder_seconds
    from insource.workflow.kept_profile import has_log, kept_profile

    if budget_s is not None:
        profiles = kept_profile(session).profiles if has_log(session) else ()
        own = session.config.dataset.calls.task or session.config.task.name
        needed_s = ladder_seconds(session, next((one for one in profiles if one.task == own), None))
        if needed_s is not None and needed_s > budget_s:
            session.display.note(
                f"The ladder takes about {duration(needed_s)}, more than the budget of "
                f"{duration(budget_s)}: it is not measured, and what is known already decides"
            )
            return next(session.project.runs.complete("run"), None) is not None
    local_only = session.config.task.privacy == "local-only"
    run(session, cloud=None if local_only else cloud_model(session))
    return True


def _show(session: Session, found: Sequence[Decision], markdown_path: Path | None, *, as_json: bool) -> None:
    """Print the decisions, one in full or several as a table, and write the page of a single one.

    Where standard output has a document, they are printed on standard error.
    """
    from insource.cli.decision_text import output, show_decision, show_decisions
    from insource.cli.output import near, say
    from insource.report.decision_markdown import render_decision_markdown
    from insource.workflow.advise import write_page

    console = output(err=as_json or str(markdown_path) == "-")
    if as_json:
        documents = [one.model_dump(mode="json") for one in found]
        click.echo(json.dumps({"schema_version": 1, "decisions": documents}, ensure_ascii=False))
    if markdown_path is not None:
        _write(markdown_path, render_decision_markdown(found))
    if len(found) > 1:
        show_decisions(found, console)
        say(f"\nOne in full, with its page: insource decide {_argument(found[0].task)}")
        return
    show_decision(found[0], console)
    if page := write_page(session, found[0]):
        say(f"\nWrote {near(page)}")


def _argument(task: str) -> str:
    """Return a task's name as it is typed: a name that begins with a dash is no option."""
    from insource.cli.printable import printable

    return f"{'-- ' if task.startswith('-') else ''}{shlex.quote(printable(task))}"


def _write(path: Path, text: str) -> None:
    from insource.foundation.files import replace_text

    if str(path) == "-":
        click.echo(text, nl=False)
    else:
        replace_text(path, text, mode=0o644)
