"""``insource logs``: what was asked and answered, what it cost, and how to get rid of it."""

from __future__ import annotations

import importlib

import click

# Verb → (module, one line).
LOG_VERBS: dict[str, tuple[str, str]] = {
    "stats": ("logs_stats", "Calls, tokens, cost, errors and latency by day, task, feature, model"),
    "list": ("logs_list", "The latest calls, a line each"),
    "tail": ("logs_tail", "The latest calls, and with -f those that come"),
    "show": ("logs_show", "One call, whole"),
    "discover": ("logs_discover", "The narrow tasks among calls without one, ranked"),
    "feedback": ("logs_feedback", "Keep a correction or a rating beside an answer"),
    "export": ("logs_export", "Write calls as JSON Lines, CSV or fine-tune data"),
    "import": ("logs_import", "Bring the logs you already have, once, from a dozen formats"),
    "purge": ("logs_purge", "Remove calls for good, from every file"),
}


class LogGroup(click.Group):
    """Loads a verb's module only when the verb is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(LOG_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in LOG_VERBS:
            return None
        module = importlib.import_module(f"insource.cli.{LOG_VERBS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(verb, line) for verb, (_, line) in LOG_VERBS.items()])


@click.group("logs", cls=LogGroup, short_help="What was asked, answered and paid")
def command() -> None:
    """The recorded calls: look at them, add them up, take them elsewhere, purge them."""
