"""``insource logs feedback``: store a correction or a rating of an answer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import click

from insource.cli.logs.options import config_option, open_log


@click.command("feedback", short_help="Store a correction or a rating of an answer")
@click.argument("call_id", metavar="ID")
@click.option(
    "--correct",
    metavar="FILE|TEXT",
    help="The correct answer: a text, a file, or - for standard input.",
)
@click.option("--rating", type=click.Choice(["up", "down"]), help="Whether the answer was good.")
@click.option("--who", default="", help="Who gives the feedback.")
@config_option
def command(
    call_id: str, correct: str | None, rating: Literal["up", "down"] | None, who: str, config_path: Path
) -> None:
    """Store a correction, a rating or both for the call ID. The recorded answer is not changed."""
    from insource.cli.output import say

    if correct is None and rating is None:
        raise click.UsageError("Give --correct or --rating.")
    with open_log(config_path) as log:
        if correct is not None:
            log.correct(call_id, _answer(correct), who=who)
        if rating is not None:
            log.rate(call_id, rating, who=who)
    say("Stored.")


def _answer(given: str) -> str:
    if given == "-":
        return sys.stdin.read()
    try:
        is_file = Path(given).is_file()
    except (OSError, ValueError):  # too long for a file name, or contains NUL
        is_file = False
    return Path(given).read_text(encoding="utf-8") if is_file else given
