"""``insource logs``: what was asked and answered, what it cost, and how to get rid of it."""

from __future__ import annotations

import click

from insource.cli.verbs import VerbGroup

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


@click.group("logs", cls=VerbGroup, verbs=LOG_VERBS, short_help="What was asked, answered and paid")
def command() -> None:
    """The recorded calls: look at them, add them up, take them elsewhere, purge them."""
