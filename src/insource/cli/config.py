"""``insource config``: every setting, its value and where it comes from."""

from __future__ import annotations

import json
from pathlib import Path

import click

from insource.cli.options import json_option
from insource.config import FILE_NAME


@click.group("config", short_help="Show every setting")
def command() -> None:
    """The configuration."""


@command.command("show")
@click.option("--config", "path", type=click.Path(path_type=Path), default=Path(FILE_NAME), show_default=True)
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
@json_option
def show(path: Path, origin: bool, as_json: bool) -> None:
    """Every key with its value in force; flag before environment before file before default."""
    from insource.config import keys, load

    loaded = load(path)
    values = {}
    for key in keys():
        section, _, name = key.partition(".")
        values[key] = getattr(loaded.config, section).model_dump(mode="json", by_alias=True)[name]
    if as_json:
        origins = {key: loaded.origins.get(key, "default") for key in values}
        click.echo(json.dumps({"values": values, "origins": origins}, ensure_ascii=False))
        return
    for key, value in values.items():
        where = f"  # {loaded.origins.get(key, 'default')}" if origin else ""
        click.echo(f"{key} = {json.dumps(value, ensure_ascii=False)}{where}")
