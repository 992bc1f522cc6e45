"""``insource keys``: manage the gateway's virtual keys, their tasks, budgets and rate limits."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from insource.cli.options import json_option
from insource.config.loading import FILE_NAME

if TYPE_CHECKING:
    from insource.config.sections import Config
    from insource.store.database import Database
    from insource.store.keys import Period, Spend, VirtualKey

PER = {"day": " a day", "month": " a month", "total": " in all"}

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    default=Path(FILE_NAME),
    show_default=True,
    help="The project's configuration. Without the file, defaults apply.",
)


@click.group("keys", short_help="Manage virtual keys for the gateway")
def command() -> None:
    """Manage virtual keys. Callers use them instead of the provider's key."""


@command.command("create", short_help="Create a key and print it once")
@click.argument("name")
@click.option("--task", "tasks", multiple=True, metavar="NAME", help="Bind the key to this task; repeatable.")
@click.option("--upstream", default="", metavar="NAME", help="Bind the key to this upstream.")
@click.option(
    "--budget-usd",
    type=click.FloatRange(min=0, min_open=True, max=1_000_000_000),
    help="Maximum cost of the key's calls in one period (US dollars).",
)
@click.option("--per", type=click.Choice(["day", "month", "total"]), help="Period of the budget, in UTC.")
@click.option(
    "--requests-per-minute", type=click.IntRange(1, 100_000), help="Maximum calls in any 60 seconds."
)
@config_option
@json_option
def create(
    name: str,
    tasks: tuple[str, ...],
    upstream: str,
    budget_usd: float | None,
    per: Period | None,
    requests_per_minute: int | None,
    config_path: Path,
    as_json: bool,
) -> None:
    """Create a key for NAME and print it once. Only its hash is stored.

    Callers send this key in place of a provider key. The gateway replaces it with the upstream's key, which
    it reads from the environment variable that the upstream's `api_key_env` names.
    """
    from insource.cli.output import say
    from insource.store.keys import create_key, open_keys

    if (budget_usd is None) != (per is None):
        raise click.UsageError("--budget-usd and --per need each other: --budget-usd 50 --per month")
    if budget_usd is not None and math.isnan(budget_usd):  # NaN passes every range check
        raise click.UsageError("--budget-usd must be a number")
    config, workspace = _project(config_path)
    _require_upstream(config, upstream)
    with open_keys(workspace) as database:
        key, secret = create_key(
            database,
            name,
            tasks=tasks,
            upstream=upstream,
            budget_usd=None if budget_usd is None else Decimal(str(budget_usd)),
            budget_per=per or "total",
            requests_per_minute=requests_per_minute,
        )
    if as_json:
        click.echo(json.dumps(_document(key) | {"key": secret}, ensure_ascii=False))
        return
    click.echo(secret)
    say(f"Key {key.key_id}, {_limits(key)}. It is not shown again.")


@command.command("list", short_help="List every key, its limits and its spending")
@config_option
@json_option
def show(config_path: Path, as_json: bool) -> None:
    """List every key, its limits and its spending in the current period of its budget.

    "Held" is money reserved for calls in progress and for calls whose process died before its cost was known.
    """
    from insource.cli.output import say
    from insource.cli.printable import one_line
    from insource.store.keys import list_keys, spend_of

    with _open(config_path) as database:
        keys = [(key, spend_of(database, key)) for key in list_keys(database)]
    if as_json:
        found = [_document(key) | spend.model_dump(mode="json") for key, spend in keys]
        click.echo(json.dumps({"keys": found}, ensure_ascii=False))
        return
    for key, spend in keys:
        click.echo(f"{key.key_id}  {one_line(key.name, 64):<20}  {_state(key)}  {_limits(key, spend)}")
    if not keys:
        say("There are no keys yet. Create one: insource keys create NAME")


@command.command("revoke", short_help="Revoke a key, in running gateways too")
@click.argument("name")
@config_option
def revoke(name: str, config_path: Path) -> None:
    """Revoke the key with this NAME or id. Running gateways refuse it within one second."""
    from insource.cli.output import say
    from insource.cli.printable import one_line
    from insource.store.keys import revoke_key

    with _open(config_path) as database:
        key = revoke_key(database, name)
    say(f"Revoked {one_line(key.name, 64)} ({key.key_id})")


def _open(config_path: Path) -> Database:
    from insource.store.keys import open_keys

    return open_keys(_project(config_path)[1])


def _project(config_path: Path) -> tuple[Config, Path]:
    """Return the configuration (or the defaults, as the gateway does) and the folder with the keys."""
    from insource.config.loading import load
    from insource.workflow.project import Project

    loaded = load(config_path, or_defaults=config_path == Path(FILE_NAME))
    return loaded.config, Project.of(loaded).workspace


def _require_upstream(config: Config, name: str) -> None:
    """Check that the upstream exists; a key for an unknown one could never make a call.

    Raises:
        ConfigError: ``unknown-upstream``.
    """
    from insource.foundation.errors import ConfigError
    from insource.gateway.from_config import upstream_names

    known = upstream_names(config)
    if name and name not in known:
        raise ConfigError(
            "unknown-upstream",
            f"There is no upstream {name!r}. Known upstreams: {', '.join(known)}.",
            hint="Use one of these, or add [upstreams.NAME] to insource.toml first.",
        )


def _document(key: VirtualKey) -> dict[str, Any]:
    return key.model_dump(mode="json")


def _state(key: VirtualKey) -> str:
    return "active " if key.revoked_at is None else f"revoked {key.revoked_at:%Y-%m-%d}"


def _limits(key: VirtualKey, spend: Spend | None = None) -> str:
    """``tasks specs · upstream openai · $50.00 a month ($3.20 spent) · 60 requests a minute``."""
    from insource.cli.printable import one_line
    from insource.foundation.money import show_usd

    parts = [f"tasks {', '.join(one_line(task, 64) for task in key.tasks)}" if key.tasks else "any task"]
    parts += [f"upstream {one_line(key.upstream, 64)}"] if key.upstream else []
    if key.budget_usd is not None:
        budget = show_usd(key.budget_usd) + PER[key.budget_per]
        if spend is not None:
            held = f", {show_usd(spend.reserved_usd)} held" if spend.reserved_usd else ""
            budget += f" ({show_usd(spend.spent_usd)} spent{held})"
        parts.append(budget)
    if key.requests_per_minute is not None:
        parts.append(f"{key.requests_per_minute} requests a minute")
    return " · ".join(parts)
