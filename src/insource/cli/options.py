"""Options that several commands share, and the session they open."""

from __future__ import annotations

import functools
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from insource.config.loading import FILE_NAME
from insource.config.training import Method

if TYPE_CHECKING:
    from insource.workflow.session import Session


TRAINING = "training_"
TRAINING_KEYS = {
    "model": str,
    "method": click.Choice(get_args(Method)),
    "epochs": float,
    "steps": int,
    "learning_rate": float,
    "batch_size": int,
    "rank": int,
    "processes": int,
}

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
        **others: Any,
    ) -> Any:
        given = {name for name in others if name.startswith(TRAINING)}
        flags = {f"training.{name.removeprefix(TRAINING)}": others.pop(name) for name in given}
        flags["project.seed"] = seed
        return function(open_session(config_path, flags, yes=yes, quiet=quiet), **others)

    return wrapped


def training_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add what ``project_options`` adds, and keys of ``[training]``: for commands that may train."""
    function = project_options(function)
    for name, kind in reversed(TRAINING_KEYS.items()):
        flag = f"--{name.replace('_', '-')}"
        function = click.option(flag, f"{TRAINING}{name}", type=kind, help=f"Overrides training.{name}.")(
            function
        )
    forced = "Train although a check failed that may be overridden; the run records which."
    return click.option("--force", f"{TRAINING}force", is_flag=True, default=None, help=forced)(function)


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
