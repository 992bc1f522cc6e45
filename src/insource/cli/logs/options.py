"""Options that the commands under ``insource logs`` share, and the log they open."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from insource.config.loading import FILE_NAME
from insource.foundation.clock import SYSTEM
from insource.types.call import Outcome

if TYPE_CHECKING:
    from insource.logs.query import Log

_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(_context: click.Context, parameter: click.Parameter, value: str | None) -> datetime | None:
    """Parse an age such as ``24h`` or ``7d``, or an ISO date or time. The default zone is UTC."""
    if value is None:
        return None
    try:
        if ago := _AGO.fullmatch(value.strip()):
            return SYSTEM.now() - timedelta(**{_UNITS[ago[2]]: float(ago[1])})
        given = datetime.fromisoformat(value)
    except (ValueError, OverflowError) as error:
        problem = f"{value!r} is neither a period like 24h or 7d nor an ISO date or time."
        raise click.BadParameter(problem, param=parameter) from error
    return given.replace(tzinfo=UTC) if given.tzinfo is None else given


def limit_option(default: int, least: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option ``-n``, the maximum number of calls."""
    return click.option(
        "-n",
        "--limit",
        type=click.IntRange(min=least),
        default=default,
        show_default=True,
        help="Maximum number of results.",
    )


config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    default=Path(FILE_NAME),
    show_default=True,
    help="The project's configuration. Without the file, use the log in ./.insource.",
)

_FILTERS = (
    click.option("--task", help="Only this task; '' for calls without one."),
    click.option("--feature", help="Only this feature."),
    click.option(
        "--model",
        help="Only this model: the one that answered, or the name asked for if one model answers to it.",
    ),
    click.option("--provider", help="Only this upstream."),
    click.option("--user", help="Only this user."),
    click.option("--outcome", type=click.Choice(get_args(Outcome)), help="Only calls with this outcome."),
    click.option("--source", help="Only calls from this source: gateway, wrap, import:FORMAT."),
    click.option(
        "--since", callback=moment, metavar="WHEN", help="Only calls since then: 24h, 7d, 2026-11-01."
    ),
    click.option("--until", callback=moment, metavar="WHEN", help="Only calls before then."),
)


def filter_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the filters on calls; pass them as the dictionary ``where``."""
    names = ("task", "feature", "model", "provider", "user", "outcome", "source", "since", "until")

    @functools.wraps(function)
    def wrapped(**arguments: Any) -> Any:
        given = {name: arguments.pop(name) for name in names}
        where = {name: value for name, value in given.items() if value is not None}
        return function(where=where, **arguments)

    for option in reversed(_FILTERS):
        wrapped = option(wrapped)
    return wrapped


def workspace(config_path: Path) -> Path:
    """Return the folder with the log: the configured one, or ``.insource`` beside a missing configuration.

    Raises:
        UserError: ``no-config``.
        ConfigError: ``config-invalid``.
    """
    from insource.config.loading import load
    from insource.config.task import ProjectSection
    from insource.workflow.project import Project

    beside = config_path.parent / ProjectSection().workspace
    if not config_path.exists() and beside.is_dir():
        return beside
    return Project.of(load(config_path)).workspace


def open_log(config_path: Path) -> Log:
    """Open the log after moving finished calls into it. When the store stays locked, open it as it is.

    Raises:
        UserError: ``no-config`` or ``no-log``.
        InsourceError: the codes of ``open_database``.
    """
    from insource.cli.output import say
    from insource.foundation.errors import InsourceError
    from insource.logs.query import Log

    log = Log(workspace(config_path))
    try:
        log.drain()
    except InsourceError as error:
        say(f"The latest calls are not in the store yet: {error.message}")
    return log
