"""``insource config``: every setting, its value and where it comes from."""

from __future__ import annotations

import json
from pathlib import Path

import click

from insource.cli.options import json_option
from insource.config.loading import FILE_NAME


@click.group("config", short_help="Show every setting")
def command() -> None:
    """The configuration."""


@command.command("show", short_help="Every key with its value in force")
@click.option("--config", "path", type=click.Path(path_type=Path), default=Path(FILE_NAME), show_default=True)
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
@json_option
def show(path: Path, origin: bool, as_json: bool) -> None:
    """Every key with its value in force; flag before environment before file before default."""
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
