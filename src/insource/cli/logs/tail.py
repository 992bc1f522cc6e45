"""``insource logs tail``: print the latest calls and follow new ones."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from insource.cli.logs.options import config_option, filter_options, limit_option, open_log

if TYPE_CHECKING:
    from insource.types import Call


@click.command("tail", short_help="Print the latest calls; with -f, follow new ones")
@config_option
@filter_options
@limit_option(10, least=0)
@click.option("-f", "--follow", is_flag=True, help="Follow calls as they end, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document per call.")
def command(config_path: Path, where: dict[str, Any], limit: int, follow: bool, as_json: bool) -> None:
    """Print the latest calls, oldest first."""
    with open_log(config_path) as log, contextlib.suppress(KeyboardInterrupt):
        coming = log.follow(**where) if follow else iter(())
        for call in reversed(list(log.calls(newest_first=True, limit=limit, **where))):
            _print(call, as_json)
        for call in coming:
            _print(call, as_json)


def _print(call: Call, as_json: bool) -> None:
    from insource.cli.logs.tables import call_line

    click.echo(json.dumps(call.model_dump(mode="json")) if as_json else call_line(call))
