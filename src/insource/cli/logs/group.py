"""``insource logs``: query, import, export and purge the recorded calls."""

from __future__ import annotations

import click

from insource.cli.lazy_group import LazyGroup, Verbs

# Command → (module, one line of help).
LOG_VERBS: Verbs = {
    "stats": ("logs.stats", "Show calls, tokens, cost, errors and latency by task, model or day"),
    "list": ("logs.list", "List the latest calls"),
    "tail": ("logs.tail", "Print the latest calls; with -f, follow new ones"),
    "show": ("logs.show", "Show one call in full"),
    "discover": ("logs.discover", "Find and rank narrow tasks among calls without a task"),
    "feedback": ("logs.feedback", "Store a correction or a rating of an answer"),
    "export": ("logs.export", "Write calls as JSON Lines, CSV or fine-tune data"),
    "import": ("logs.import_", "Import existing logs from a dozen formats"),
    "purge": ("logs.purge", "Remove calls permanently from every file"),
}


@click.group(
    "logs",
    cls=LazyGroup,
    headings={"Commands": LOG_VERBS},
    short_help="Query, import, export and purge the recorded calls",
)
def command() -> None:
    """Query, import, export and purge the recorded calls."""
