"""``insource logs export``: write calls for other programs."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

import click

from insource.cli.logs.options import config_option, filter_options, open_log
from insource.foundation.files import replacing

if TYPE_CHECKING:
    from insource.foundation.errors import DataError


@click.command("export", short_help="Write calls as JSON Lines, CSV or fine-tune data")
@config_option
@filter_options
@click.option("--text", help="Only calls with this text in the request or the answer.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["jsonl", "csv", "openai-chat"]),
    default="jsonl",
    show_default=True,
    help="jsonl is complete; csv is for spreadsheets; openai-chat is fine-tune data and prefers corrections.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write to; default: standard output.",
)
def command(
    config_path: Path,
    where: dict[str, Any],
    text: str | None,
    format_: Literal["jsonl", "csv", "openai-chat"],
    output: Path | None,
) -> None:
    """Write the calls in the order they started, with their feedback.

    The output file appears only when it is complete. Only its owner can read it.
    """
    from insource.cli.output import near, say
    from insource.logs.export import export_lines

    skipped: Counter[str] = Counter()
    with open_log(config_path) as log, _open(output) as file:
        lines = export_lines(log, log.calls(text=text, **where), format_, skipped)
        written = _write(file, lines) - (format_ == "csv")
        if skipped and not written:
            raise _nothing(skipped, format_)
    say(f"{written:,} calls" + (f" written to {near(output)}" if output else ""))
    for reason in _reasons(skipped):
        say(reason)
    if format_ == "openai-chat":
        say("The teacher policy was not checked; `insource dataset export` checks it.")


def _reasons(skipped: Counter[str]) -> list[str]:
    return [f"{count:,} left out: {reason}" for reason, count in sorted(skipped.items())]


def _nothing(skipped: Counter[str], format_: str) -> DataError:
    """Return the error of an export that leaves out every call; the output file does not appear."""
    from insource.foundation.errors import DataError

    return DataError(
        "nothing-exported",
        f"None of the {skipped.total():,} selected calls can be written as {format_}.",
        details=tuple(_reasons(skipped)),
        hint="`insource logs list` has the ids, `insource logs show ID` what a call holds; "
        "--format jsonl writes every call.",
    )


def _write(file: TextIO, lines: Iterable[str]) -> int:
    from insource.cli.printable import printable

    written = 0
    neutral = file.isatty()
    for line in lines:
        file.write(printable(line) if neutral else line)
        written += 1
    file.flush()
    return written


@contextmanager
def _open(output: Path | None) -> Iterator[TextIO]:
    """Open standard output, or a file that appears under its name when it is complete."""
    if output is None:
        yield sys.stdout
        return
    with replacing(output, mode=0o600) as file:
        yield file
