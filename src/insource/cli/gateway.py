"""``insource gateway``: run the gateway in front of the cloud APIs and the chosen model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from insource.cli.answering import host_config_option, project_option
from insource.config.loading import FILE_NAME

if TYPE_CHECKING:
    from insource.cli.answering import Answering
    from insource.config.loading import LoadedConfig
    from insource.config.sections import Config
    from insource.gateway.settings import GatewaySettings, PassThrough
    from insource.logs.recorder import Recorder
    from insource.providers.prices import PriceTable

HOLD_UNTIL_RESTART = (
    *("project", "task", "reference", "serving", "routing", "log", "prices"),
    *("gateway.host", "gateway.port", "gateway.on_log_failure", "gateway.projects"),
    *("gateway.max_waiting", "gateway.deadline_s", "gateway.overload"),
)


@click.command("gateway", short_help="Record every call; answer with the chosen model first")
@click.argument("run", required=False)
@click.option("--port", type=click.IntRange(0, 65535), help="Overrides gateway.port; 0 picks a free port.")
@click.option(
    "--pass-through", "only_pass", is_flag=True, help="Never answer locally, even when a run exists."
)
@project_option
@host_config_option
def command(
    run: str | None, port: int | None, only_pass: bool, folders: tuple[Path, ...], config_path: Path
) -> None:
    """Run a gateway that passes calls through unchanged and records every call.

    Point your client's base_url at it. The model that RUN (default: the newest run) chose answers its task;
    the gateway escalates uncertain answers to reference.model. With --project or gateway.projects, it also
    answers the tasks of other projects. Callers send their own provider keys, which are never stored. Create
    a gateway key for other callers with `insource keys create`.
    """
    from insource.cli.answering import open_log, open_tasks, sessions_of
    from insource.gateway.admission.keys import require_key_beyond_loopback
    from insource.gateway.admission.ledger import KeyLedger
    from insource.gateway.from_config import key_admitter, pass_through
    from insource.gateway.server import serve
    from insource.providers.prices import PriceTable
    from insource.serving.engines.llamacpp import require_free_port

    loaded = _configuration(config_path, run)
    section = loaded.config.gateway
    chosen = section.port if port is None else port
    workspace = loaded.folder / loaded.config.project.workspace
    ledger, prices = KeyLedger(workspace), PriceTable(loaded.config.prices.models)
    # Fail before an engine loads, which takes seconds.
    exposed = require_key_beyond_loopback(section.host, ledger)
    require_free_port(chosen)
    sessions = [] if only_pass else sessions_of(loaded, config_path, folders, run, needed=False)
    others = [session.config for session in sessions]

    def passing(config: Config) -> PassThrough:
        admitter = key_admitter(config, ledger, prices.dearest, exposed=exposed, others=others)
        return pass_through(config, admitter, workspace=workspace)

    with ExitStack() as stack:
        stack.callback(ledger.close)
        recorder = open_log(loaded, stack)
        answering = open_tasks(loaded.config, sessions, run, stack, alone=False)
        settings, told = _settings(loaded, answering, recorder, passing(loaded.config), prices)
        serve(
            settings,
            port=chosen,
            host=section.host,
            on_ready=lambda url: _say_ready(url, told),
            on_stop=_say_stopping,
            reload=lambda: _read_again(config_path, passing, loaded.config),
        )


def _say_ready(url: str, lines: Sequence[str]) -> None:
    from insource.cli.output import say

    for line in (f"Gateway on {url}", *lines, "Reload the configuration with SIGHUP, stop with Ctrl-C"):
        say(line)


def _say_stopping(under_way: int) -> None:
    from insource.cli.output import say
    from insource.gateway.server import DRAIN_S

    if under_way:
        requests = "1 request" if under_way == 1 else f"{under_way:,} requests"
        say(f"Finishing {requests} under way within {DRAIN_S} s. Press Ctrl-C again to stop at once")


def _settings(
    loaded: LoadedConfig,
    answering: Sequence[Answering],
    recorder: Recorder,
    passing: PassThrough,
    prices: PriceTable,
) -> tuple[GatewaySettings, list[str]]:
    """Return the settings and the lines to print."""
    from insource.cli.answering import limits_of, ways_told
    from insource.gateway.settings import GatewaySettings

    log = loaded.config.log
    names = ", ".join(f"{upstream.name} ({upstream.base_url})" for upstream in passing.upstreams)
    told = []
    for one in answering:
        cloud = one.config.reference.model
        told += [
            f"Answers {one.found.task.name} with {one.found.name}",
            one.found.policy.reason,
            f"Escalates to {cloud or 'nothing: set reference.model to escalate to a cloud model'}",
            *ways_told(one),
        ]
    told.append(f"Forwards calls to {names}" if names else "Forwards no calls: the task is local-only")
    if passing.task_of is not None:
        told.append("Tags calls without a task with the rules from `insource logs discover --apply`")
    settings = GatewaySettings(
        recorder=recorder,
        pass_through=passing,
        tasks=tuple(one.settings for one in answering),
        limits=limits_of(loaded.config),
        prices=prices,
        retention_days=log.retention_days,
        retention_gb=log.retention_gb,
    )
    return settings, told


def _configuration(path: Path, run: str | None = None) -> LoadedConfig:
    """Load the configuration. Without a file, the defaults suffice to pass calls through."""
    from insource.config.loading import load

    return load(path, or_defaults=run is None and path == Path(FILE_NAME))


def _read_again(path: Path, passing: Callable[[Config], PassThrough], at_start: Config) -> PassThrough | None:
    """Load the configuration again.

    Print an invalid configuration's error and return None, so that the present settings stay. Print the
    changed settings that need a restart.
    """
    from insource.cli.output import fail, say
    from insource.foundation.errors import InsourceError

    try:
        config = _configuration(path).config
        settings = passing(config)
    except InsourceError as error:
        fail(error)
        return None
    say("Read the configuration again")
    if waiting := [name for name in HOLD_UNTIL_RESTART if _value(config, name) != _value(at_start, name)]:
        say(f"Changes of {', '.join(waiting)} apply only after a restart")
    return settings


def _value(config: Config, name: str) -> object:
    section, _, key = name.partition(".")
    found: object = getattr(config, section)
    return getattr(found, key) if key else found
