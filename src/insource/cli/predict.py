"""``insource predict``: answer a file or a folder of documents with the chosen model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from insource.cli.options import json_option, project_options

if TYPE_CHECKING:
    from insource.workflow.session import Session


@click.command("predict", short_help="Answer a file or folder of documents with the chosen model")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--run", help="The run whose chosen model answers; default: the newest.")
@click.option(
    "--to", type=click.Path(path_type=Path, dir_okay=False), help="Default: SOURCE with .predicted.jsonl."
)
@project_options
@json_option
def command(session: Session, source: Path, run: str | None, to: Path | None, as_json: bool) -> None:
    """Answer each row of SOURCE (JSON Lines, CSV, Parquet …), or each document of the folder SOURCE.

    Write one line of JSON for each: id, output and confidence, or the error of a row that has no answer.
    After Ctrl-C, run it again and it goes on where it stopped. Columns are those of [dataset.columns].
    """
    from insource.cli.output import near, say
    from insource.workflow.predict import predict

    named = source if source.name not in ("", "..") else source.resolve()
    done = predict(session, source, to or named.with_name(f"{named.stem}.predicted.jsonl"), run)
    if as_json:
        click.echo(json.dumps(done._asdict() | {"path": str(done.path)}, ensure_ascii=False))
    resumed = f", {done.resumed:,} of them before this command" if done.resumed else ""
    say(f"Answered {done.documents - done.without_answer:,} of {done.documents:,} documents{resumed}")
    if done.without_answer:
        say(f"{done.without_answer:,} have no answer: see `error` in their lines")
    say(f"Wrote {near(done.path)}")
