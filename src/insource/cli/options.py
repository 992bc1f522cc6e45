"""Options that several commands share, and the session they open."""

from __future__ import annotations

import functools
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from insource.config.loading import FILE_NAME

if TYPE_CHECKING:
    from insource.workflow.session import Session


config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    default=Path(FILE_NAME),
    show_default=True,
    help="The project's configuration.",
)


def project_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--config``, ``--seed``, ``--yes`` and ``--quiet``; pass a session."""

    @config_option
    @click.option("--seed", type=int, help="Overrides project.seed.")
    @click.option("--yes", is_flag=True, help="Do not ask before spending money.")
    @click.option("-q", "--quiet", is_flag=True, help="Print only results and errors.")
    @functools.wraps(function)
    def wrapped(
        config_path: Path,
        seed: int | None,
        yes: bool,
        quiet: bool,
        training_model: str | None = None,
        training_epochs: float | None = None,
        **others: Any,
    ) -> Any:
        flags = {
            "project.seed": seed,
            "training.model": training_model,
            "training.epochs": training_epochs,
        }
        return function(open_session(config_path, flags, yes=yes, quiet=quiet), **others)

    return wrapped


def training_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add what ``project_options`` adds, and ``--model`` and ``--epochs``: for commands that may train."""
    for option in (
        click.option("--epochs", "training_epochs", type=float, help="Overrides training.epochs."),
        click.option("--model", "training_model", help="Overrides training.model."),
        project_options,
    ):
        function = option(function)
    return function


def open_session(
    config_path: Path,
    flags: dict[str, Any],
    *,
    yes: bool = False,
    quiet: bool = False,
    or_defaults: bool = False,
) -> Session:
    """Return a session for the project with this configuration; without a file, defaults if they may be."""
    from insource.cli.output import Terminal
    from insource.config.loading import load
    from insource.workflow.project import Project
    from insource.workflow.session import Session

    project = Project.of(load(config_path, flags, or_defaults=or_defaults))
    return Session(project, Terminal(yes=yes, quiet=quiet), command_line())


def command_line() -> str:
    """Return the command as typed, for the provenance in the report."""
    return " ".join(["insource", *(shlex.quote(argument) for argument in sys.argv[1:])])


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document to standard output."
)
