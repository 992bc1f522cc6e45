"""``insource config``: show every setting, its value and its origin."""

from __future__ import annotations

import json
from pathlib import Path

import click

from insource.cli.options import json_option
from insource.config.loading import FILE_NAME


@click.group("config", short_help="Show every setting")
def command() -> None:
    """Show the configuration."""


@command.command("show", short_help="Show every key with its effective value")
@click.option("--config", "path", type=click.Path(path_type=Path), default=Path(FILE_NAME), show_default=True)
@click.option("--origin", is_flag=True, help="Show where each value comes from.")
@json_option
def show(path: Path, origin: bool, as_json: bool) -> None:
    """Show every key with its effective value.

    A flag overrides the environment, the environment overrides the file, the file overrides the default.
    """
    from insource.config.loading import load, values

    found = values(load(path))
    if as_json:
        document = {
            "values": {key: value for key, (value, _) in found.items()},
            "origins": {key: source for key, (_, source) in found.items()},
        }
        click.echo(json.dumps(document, ensure_ascii=False))
        return
    for key, (value, source) in found.items():
        where = f"  # {source}" if origin else ""
        click.echo(f"{key} = {json.dumps(value, ensure_ascii=False)}{where}")
