"""``insource report``: a kept result, rendered again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from insource.cli.options import project_options

if TYPE_CHECKING:
    from insource.workflow.session import Session


@click.command("report", short_help="Render a run's report again")
@click.argument("run", required=False)
@click.option(
    "--format", "kind", type=click.Choice(["html", "md", "json"]), default="html", show_default=True
)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Where to write it.")
@project_options
def command(session: Session, run: str | None, kind: str, output: Path | None) -> None:
    """The report of RUN (its id or the start of it; the newest when not given).

    Markdown and JSON go to standard output unless -o names a file.
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
