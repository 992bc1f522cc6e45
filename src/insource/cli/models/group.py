"""``insource models``: the base models that a project may be built on."""

from __future__ import annotations

import click

from insource.cli.lazy_group import LazyGroup, Verbs

# Command → (module, one line of help).
MODELS_VERBS: Verbs = {
    "list": ("models.list_", "List the known base models: size, licence, memory"),
    "show": ("models.show", "Show one base model, and what is on this machine of it"),
    "pull": ("models.pull", "Fetch a base model and convert it for serving"),
}


@click.group(
    "models",
    cls=LazyGroup,
    headings={"Commands": MODELS_VERBS},
    short_help="List, show and fetch base models",
)
def command() -> None:
    """List, show and fetch base models."""
