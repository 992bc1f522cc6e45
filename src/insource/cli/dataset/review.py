"""``insource dataset review``: review rows in the browser or in the terminal."""

from __future__ import annotations

import json
import sys
from itertools import groupby
from typing import TYPE_CHECKING

import click

from insource.cli.options import json_option, project_options

if TYPE_CHECKING:
    from insource.dataset.review.agreement import Agreement
    from insource.workflow.session import Session

QUEUES = ("disagreements", "to-label", "waiting", "low-confidence", "ungrounded", "audit", "contested", "all")
KAPPA = "Cohen's kappa"


@click.command("review")
@project_options
@click.option(
    "--queue",
    type=click.Choice(QUEUES),
    default="disagreements",
    show_default=True,
    help="Which rows to review first.",
)
@click.option("--who", default="", help="Name of the reviewer; default: git's user.name.")
@click.option(
    "--overlap",
    type=click.FloatRange(0, 1),
    default=0.1,
    show_default=True,
    help="Share of rows that two reviewers each decide (ratio).",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port on loopback; 0 picks a free port."
)
@click.option("--no-browser", is_flag=True, help="Print the address without opening a browser.")
@click.option("--plain", is_flag=True, help="Review in the terminal.")
@click.option("--report", "only_report", is_flag=True, help="Print how far the reviewers agree, and exit.")
@json_option
def command(
    session: Session,
    *,
    queue: str,
    who: str,
    overlap: float,
    port: int,
    no_browser: bool,
    plain: bool,
    only_report: bool,
    as_json: bool,
) -> None:
    """Review the answers field by field. Each decision is stored with the reviewer's name.

    Decisions go to the reviews file beside insource.toml, one per line and sorted, so that they diff well.
    `insource dataset build` applies them. Several people can review at the same time; `--report` prints the
    agreement of reviewers who decided the same rows.
    """
    if only_report:
        _report(session, as_json=as_json)
        return
    from typing import cast

    from insource.cli.dataset.review_plain import nothing_waits, review_in_terminal
    from insource.cli.output import say
    from insource.dataset.review.queues import QueueName
    from insource.workflow.review import open_workbench

    who, chosen = who or _git_name(), cast("QueueName", queue)
    session.begin("review", f"reading the rows for the queue {chosen}")
    with open_workbench(session, overlap=overlap) as workbench:
        # Order the queue now, so that the first page does not wait for it.
        workbench.order(chosen, lambda done, total: session.display.progress("rows", done, total))
        progress = workbench.progress(chosen, who)
        if plain:
            review_in_terminal(workbench, chosen, who)
        else:
            from insource.dashboard.app import Opening
            from insource.dashboard.server import serve

            if not progress.waiting:
                say(nothing_waits(workbench, chosen, who))
            opening = Opening(chosen, who, session.project.title, session.config.dataset.reviews)
            serve(workbench, opening, port=port, on_ready=lambda url: _opened(url, browse=not no_browser))
    say(f"Decisions are in {session.project.reviews_path}\nNext: insource dataset build")


def _opened(url: str, *, browse: bool) -> None:
    import webbrowser

    from insource.cli.output import say

    say(f"Review on {url}\nAnyone with this address can review. Stop with Ctrl-C")
    if browse and sys.stderr.isatty():
        webbrowser.open(url)


def _git_name() -> str:
    import getpass
    import subprocess

    try:
        asked = ["git", "config", "--get", "user.name"]
        found = subprocess.run(asked, capture_output=True, text=True, timeout=5, check=False).stdout.strip()
        return found or getpass.getuser()
    except (OSError, KeyError, subprocess.TimeoutExpired):
        return "reviewer"


def _report(session: Session, *, as_json: bool) -> None:
    from collections import Counter

    from insource.cli.output import say
    from insource.workflow.review import open_workbench

    session.begin("review", "reading the rows that the decisions are about")
    with open_workbench(session) as workbench:
        decisions, found, disputed = workbench.file.decisions(), workbench.agreement(), workbench.contested()
    verdicts = Counter((one.who, str(one.verdict)) for one in decisions)
    if as_json:
        reviewers = [
            {"who": who, "verdict": kind, "fields": n} for (who, kind), n in sorted(verdicts.items())
        ]
        shown = [one.model_dump(mode="json") for one in found]
        click.echo(json.dumps({"reviewers": reviewers, "agreement": shown, "contested": disputed}))
        return
    _table(found, verdicts)
    say(f"{len(disputed):,} rows are contested; see them with `insource dataset review --queue contested`")


def _table(found: tuple[Agreement, ...], verdicts: dict[tuple[str, str], int]) -> None:
    from insource.cli.output import show
    from insource.cli.printable import one_line

    click.echo(f"{'reviewer':<40} {'accepted':>11} {'edited':>11} {'rejected':>11}")
    for who in sorted({who for who, _ in verdicts}):
        counts = (f"{verdicts.get((who, kind), 0):>11,}" for kind in ("accepted", "edited", "rejected"))
        click.echo(" ".join((f"{one_line(who, 40):<40}", *counts)))
    if not found:
        click.echo("No row has decisions of two reviewers yet")
        return
    for pair, fields in groupby(found, key=lambda one: f"{one.first}, {one.second}"):
        click.echo(f"\n{one_line(pair, 80)}")
        click.echo(f"  {'field':<18} {'decided alike':>22} {KAPPA:>19} {'of':<8} {'n':>6}")
        for one in fields:
            name, kappa = one.field.lstrip("/") or "answer", one.kappa
            shown = "undefined" if kappa.value is None else f"{kappa.value:.2f}"
            if kappa.low is not None and kappa.high is not None:
                shown += f" [{kappa.low:.2f}, {kappa.high:.2f}]"
            about = f"  {one_line(name, 18):<18} {show(one.agreed):>22} {shown:>19}"
            click.echo(f"{about} {one.categories:<8} {kappa.n:>6,}")
    click.echo(f"\n{KAPPA} compares the values where a field has a list of choices,")
    click.echo("otherwise the verdicts accepted, edited and rejected")
