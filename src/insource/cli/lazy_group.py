"""A click group that imports the module of a command when the command is used."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click

Verbs = Mapping[str, tuple[str, str]]
"""Command name → its module under ``insource.cli`` and one line of help."""


class LazyGroup(click.Group):
    """A group of lazily imported commands.

    ``headings`` maps a heading of the help text to its commands, in the order of display.
    """

    def __init__(self, *args: Any, headings: Mapping[str, Verbs], **options: Any) -> None:
        super().__init__(*args, **options)
        self._headings = headings
        self._verbs = {verb: found for verbs in headings.values() for verb, found in verbs.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._verbs:
            return None
        module = importlib.import_module(f"insource.cli.{self._verbs[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, verbs in self._headings.items():
            with formatter.section(heading):
                formatter.write_dl([(verb, line) for verb, (_, line) in verbs.items()])
