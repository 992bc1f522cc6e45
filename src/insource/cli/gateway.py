"""``insource gateway``: run the gateway in front of the cloud APIs and the chosen model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from insource.config.loading import FILE_NAME

if TYPE_CHECKING:
    from insource.config.loading import LoadedConfig
    from insource.config.reference import ReferenceSection
    from insource.config.sections import Config
    from insource.gateway.settings import GatewaySettings, PassThrough
    from insource.logs.recorder import Recorder
    from insource.providers.prices import PriceTable
    from insource.workflow.serve import Deployed
    from insource.workflow.session import Session

HOLD_UNTIL_RESTART = (
    *("project", "task", "reference", "serving", "routing", "log", "prices"),
    *("gateway.host", "gateway.port", "gateway.on_log_failure"),
)


@click.command("gateway", short_help="Record every call; answer with the chosen model first")
@click.argument("run", required=False)
@click.option("--port", type=click.IntRange(0, 65535), help="Overrides gateway.port; 0 picks a free port.")
@click.option(
    "--pass-through", "only_pass", is_flag=True, help="Never answer locally, even when a run exists."
)
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    default=Path(FILE_NAME),
    show_default=True,
    help="The project's configuration. Without the file, defaults apply.",
)
def command(run: str | None, port: int | None, only_pass: bool, config_path: Path) -> None:
    """Run a gateway that passes calls through unchanged and records every call.

    Point your client's base_url at it. The model that RUN (default: the newest run) chose answers its task;
    the gateway escalates uncertain answers to reference.model. Callers send their own provider keys, which
    are never stored. Create a gateway key for other callers with `insource keys create`.
    """
    from insource.cli.options import open_session
    from insource.gateway.admission.keys import require_key_beyond_loopback
    from insource.gateway.admission.ledger import KeyLedger
    from insource.gateway.from_config import key_admitter, pass_through
    from insource.gateway.server import serve
    from insource.logs.recorder import Recorder
    from insource.providers.prices import PriceTable
    from insource.redaction import Redactor
    from insource.serving.engines.llamacpp import require_free_port

    loaded = _configuration(config_path, run)
    section = loaded.config.gateway
    chosen = section.port if port is None else port
    workspace = loaded.folder / loaded.config.project.workspace
    ledger, prices = KeyLedger(workspace), PriceTable(loaded.config.prices.models)
    # Fail before an engine loads, which takes seconds.
    exposed = require_key_beyond_loopback(section.host, ledger)
    require_free_port(chosen)
    session = None
    if not only_pass and config_path.is_file():
        session = open_session(config_path, {})
        session = session if run or _has_run(session) else None

    def passing(config: Config) -> PassThrough:
        admitter = key_admitter(config, ledger, prices.dearest, exposed=exposed)
        return pass_through(config, admitter, workspace=workspace)

    with ExitStack() as stack:
        stack.callback(ledger.close)
        redactor = Redactor.from_config(loaded.config.log, workspace)
        recorder = stack.enter_context(
            Recorder.open(
                workspace, on_log_failure=section.on_log_failure, redactor=redactor, drain_apart=True
            )
        )
        settings, told = _settings(loaded, session, run, recorder, passing(loaded.config), prices, stack)
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
    session: Session | None,
    run: str | None,
    recorder: Recorder,
    passing: PassThrough,
    prices: PriceTable,
    stack: ExitStack,
) -> tuple[GatewaySettings, list[str]]:
    """Return the settings and the lines to print. The model, if any, is open until ``stack`` closes."""
    from insource.gateway.settings import GatewaySettings
    from insource.workflow.serve import deployed

    log = loaded.config.log
    names = ", ".join(f"{upstream.name} ({upstream.base_url})" for upstream in passing.upstreams)
    told = [f"Forwards calls to {names}" if names else "Forwards no calls: the task is local-only"]
    if passing.task_of is not None:
        told.append("Tags calls without a task with the rules from `insource logs discover --apply`")
    settings = GatewaySettings(
        recorder=recorder,
        pass_through=passing,
        prices=prices,
        retention_days=log.retention_days,
        retention_gb=log.retention_gb,
    )
    if session is None:
        return settings, told
    found = deployed(session, run)
    settings = _with_model(settings, found, loaded.config.reference, stack)
    cloud = loaded.config.reference.model
    about = [
        f"Answers {found.task.name} with {found.name}",
        found.policy.reason,
        f"Escalates to {cloud or 'nothing: set reference.model to escalate to a cloud model'}",
    ]
    return settings, [*about, *told]


def _with_model(
    settings: GatewaySettings, found: Deployed, reference: ReferenceSection, stack: ExitStack
) -> GatewaySettings:
    """Open the model of a finished run, and return the settings with it and the cloud behind it."""
    from insource.gateway.settings import HttpCloud

    opened = stack.enter_context(found.open())
    cloud = None
    if reference.model:
        cloud = HttpCloud(model=reference.model.partition("/")[2], base_url=reference.base_url)
    return replace(
        settings,
        task=found.task,
        policy=found.policy,
        local=opened.model,
        cloud=cloud,
        ask=found.ask,
        confidence=found.confidence,
        engine_alive=opened.alive,
        local_slots=found.slots,
    )


def _configuration(path: Path, run: str | None = None) -> LoadedConfig:
    """Load the configuration. Without a file, the defaults suffice to pass calls through."""
    from insource.config.loading import load

    return load(path, or_defaults=run is None and path == Path(FILE_NAME))


def _has_run(session: Session) -> bool:
    from insource.foundation.errors import UserError
    from insource.runs.result import load

    try:
        load(session.project.runs)
    except UserError:
        return False
    return True


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
