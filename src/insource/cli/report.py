"""``insource report``: render the report of a stored run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from insource.cli.options import project_options

if TYPE_CHECKING:
    from insource.workflow.session import Session


@click.command("report", short_help="Render the report of a run")
@click.argument("run", required=False)
@click.option(
    "--format", "kind", type=click.Choice(["html", "md", "json"]), default="html", show_default=True
)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="File to write to.")
@project_options
def command(session: Session, run: str | None, kind: str, output: Path | None) -> None:
    """Render the report of RUN, an id or its prefix (default: the newest run).

    Without -o, HTML goes into the run's folder, Markdown and JSON go to standard output.
    """
    from insource.cli.output import near, say
    from insource.report.markdown import render_markdown
    from insource.report.render import write_report
    from insource.runs.result import load

    result, folder = load(session.project.runs, run)
    if kind == "html":
        path = write_report(result, output or folder / "report.html")
        say(f"Wrote {near(path)}")
        return
    text = render_markdown(result) if kind == "md" else result.model_dump_json(indent=1)
    if output is None:
        click.echo(text)
        return
    output.write_text(text, encoding="utf-8")
    say(f"Wrote {near(output)}")
