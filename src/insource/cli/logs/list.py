"""``insource logs list``: list the latest calls, one per line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from insource.cli.logs.options import config_option, filter_options, limit_option, open_log
from insource.cli.options import json_option


@click.command("list", short_help="List the latest calls")
@config_option
@filter_options
@click.option("--text", help="Only calls with this text in the request or the answer; slow.")
@limit_option(20, least=1)
@json_option
def command(config_path: Path, where: dict[str, Any], text: str | None, limit: int, as_json: bool) -> None:
    """List the latest calls that match every filter, newest first."""
    from insource.cli.logs.tables import LEGEND, call_line
    from insource.cli.output import say

    with open_log(config_path) as log:
        calls = log.calls(text=text, newest_first=True, limit=limit, **where)
        if as_json:
            click.echo(json.dumps({"calls": [call.model_dump(mode="json") for call in calls]}))
            return
        estimated = False
        for call in calls:
            click.echo(call_line(call))
            estimated = estimated or call.usage_estimated
        if estimated:
            say(LEGEND)
