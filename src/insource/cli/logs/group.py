"""``insource logs``: what was asked and answered, what it cost, and how to get rid of it."""

from __future__ import annotations

import click

from insource.cli.lazy_group import LazyGroup, Verbs

# Verb → (module, one line).
LOG_VERBS: Verbs = {
    "stats": ("logs.stats", "Calls, tokens, cost, errors and latency by day, task, feature, model"),
    "list": ("logs.list", "The latest calls, a line each"),
    "tail": ("logs.tail", "The latest calls, and with -f those that come"),
    "show": ("logs.show", "One call, whole"),
    "discover": ("logs.discover", "The narrow tasks among calls without one, ranked"),
    "feedback": ("logs.feedback", "Keep a correction or a rating beside an answer"),
    "export": ("logs.export", "Write calls as JSON Lines, CSV or fine-tune data"),
    "import": ("logs.import_", "Bring the logs you already have, once, from a dozen formats"),
    "purge": ("logs.purge", "Remove calls for good, from every file"),
}


@click.group(
    "logs", cls=LazyGroup, headings={"Commands": LOG_VERBS}, short_help="What was asked, answered and paid"
)
def command() -> None:
    """The recorded calls: look at them, add them up, take them elsewhere, purge them."""
