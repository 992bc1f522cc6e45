"""``insource predict``: answer files and folders of documents with the chosen model."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from insource.cli.options import json_option, project_options

if TYPE_CHECKING:
    from insource.workflow.predict import Form, Predicted
    from insource.workflow.session import Session

STDIN = "-"


@click.command("predict", short_help="Answer files and folders of documents with the chosen model")
@click.argument("files", nargs=-1, required=True)
@click.option("--run", help="The run whose chosen model answers; default: the newest.")
@click.option("--arm", help="Another arm of the run, such as 'span ranking'; default: the chosen one.")
@click.option(
    "--to",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Default: FILE.predicted.jsonl; predicted.jsonl for several; standard output for -.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv"]),
    help="Default: csv if --to ends in .csv, else jsonl.",
)
@project_options
@json_option
def command(
    session: Session,
    files: Sequence[str],
    run: str | None,
    arm: str | None,
    to: Path | None,
    form: Form | None,
    as_json: bool,
) -> None:
    """Answer the rows of FILES (JSON Lines, CSV, Parquet …), and the documents in folders among FILES.

    Write one line for each: id, output and confidence, or the error of a row that has no answer. The file -
    is standard input. After Ctrl-C, run it again and it goes on where it stopped. Columns are those of
    [dataset.columns].
    """
    from insource.workflow.predict import predict

    form = form or ("csv" if to is not None and to.suffix.lower() == ".csv" else "jsonl")
    sources = {name: Path(name) for name in files if name != STDIN}
    answer = partial(predict, session, run=run, form=form, arm=arm)
    if STDIN not in files:
        _told(answer(sources, to or _beside(list(sources.values()), form)), as_json)
    elif to is not None:
        copy = to.with_name(f".{to.name}.stdin")
        try:
            _copied(sys.stdin.buffer, copy)
            _told(answer(sources | {STDIN: copy}, to), as_json)
        finally:
            copy.unlink(missing_ok=True)
    elif as_json:
        raise click.UsageError("--json and the answers both go to standard output: name a file with --to")
    else:
        _through(answer, sources)


def _through(answer: Callable[[dict[str, Path], Path], Predicted], sources: dict[str, Path]) -> None:
    """Answer standard input too, and print the answers to standard output when all are there."""
    with tempfile.TemporaryDirectory(prefix="insource-") as folder:
        copy, target = Path(folder) / "stdin", Path(folder) / "answers"
        _copied(sys.stdin.buffer, copy)
        done = answer(sources | {STDIN: copy}, target)
        with target.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    _counted(done)


def _copied(stream: BinaryIO, copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    with copy.open("wb") as file:
        shutil.copyfileobj(stream, file)


def _beside(paths: list[Path], form: Form) -> Path:
    """Return the place for the answers: beside the one source, or in the current folder for several."""
    if len(paths) > 1:
        return Path(f"predicted.{form}")
    named = paths[0] if paths[0].name not in ("", "..") else paths[0].resolve()
    return named.with_name(f"{named.stem}.predicted.{form}")


def _told(done: Predicted, as_json: bool) -> None:
    from insource.cli.output import near, say

    if as_json:
        click.echo(json.dumps(done._asdict() | {"path": str(done.path)}, ensure_ascii=False))
    _counted(done)
    say(f"Wrote {near(done.path)}")


def _counted(done: Predicted) -> None:
    from insource.cli.output import say

    resumed = f", {done.resumed:,} of them before this command" if done.resumed else ""
    rate = f" ({done.per_second:,.1f} a second)" if done.per_second is not None else ""
    say(f"Answered {done.documents - done.without_answer:,} of {done.documents:,} documents{resumed}{rate}")
    if done.without_answer:
        say(f"{done.without_answer:,} have no answer: see `error` in their lines")
