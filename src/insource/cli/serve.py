"""``insource serve``: serve the chosen models alone, OpenAI-compatible."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from insource.cli.answering import host_config_option, project_option

if TYPE_CHECKING:
    from insource.cli.answering import Answering
    from insource.config.sections import Config
    from insource.gateway.admission.ledger import KeyLedger
    from insource.gateway.admission.session_key import SessionKey
    from insource.gateway.settings import GatewaySettings
    from insource.logs.recorder import Recorder

MB = 1 << 20


@click.command("serve", short_help="Serve the chosen models alone, without a cloud")
@click.argument("run", required=False)
@click.option("--port", type=click.IntRange(0, 65535), help="Overrides serving.port; 0 picks a free port.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on. Callers always send a key."
)
@click.option("--arm", help="Another arm of the run, such as 'span ranking'; default: the chosen one.")
@project_option
@host_config_option
def command(
    run: str | None,
    port: int | None,
    host: str,
    arm: str | None,
    folders: tuple[Path, ...],
    config_path: Path,
) -> None:
    """Serve the model that RUN (default: the newest run) chose; print its address and key.

    It answers chat completions, /v1/decisions and /v1/systemone, whatever model a client names, records every
    call, and opens no connection; `insource gateway` has a cloud behind it. With --project or
    gateway.projects, it serves the tasks of several projects. Callers send the printed key or one of
    `insource keys create`.
    """
    from insource.cli.answering import open_log, open_tasks, sessions_of
    from insource.config.loading import load
    from insource.gateway.admission.ledger import KeyLedger
    from insource.gateway.server import serve
    from insource.serving.engines.llamacpp import require_free_port

    loaded = load(config_path, or_defaults=bool(folders))
    config = loaded.config
    chosen = config.serving.port if port is None else port
    if chosen:  # fail before an engine loads, which takes seconds
        require_free_port(chosen, host)
    sessions = sessions_of(loaded, config_path, folders, run, needed=True)
    with ExitStack() as stack:
        answering = open_tasks(config, sessions, run, stack, alone=True, arm=arm)
        ledger = KeyLedger(loaded.folder / config.project.workspace)
        stack.callback(ledger.close)
        admission = _admission(config, answering, ledger)
        settings = _settings(config, answering, admission, open_log(loaded, stack))
        serve(
            settings,
            port=chosen,
            host=host,
            on_ready=lambda url: _say_ready(answering, url, admission.secret),
        )


def _admission(config: Config, answering: Sequence[Answering], ledger: KeyLedger) -> SessionKey:
    from insource.gateway.admission.session_key import SessionKey
    from insource.gateway.from_config import key_admitter
    from insource.providers.prices import PriceTable

    price, others = PriceTable(config.prices.models).dearest, [one.config for one in answering]
    return SessionKey(key_admitter(config, ledger, price, exposed=True, others=others))


def _settings(
    config: Config, answering: Sequence[Answering], admission: SessionKey, recorder: Recorder
) -> GatewaySettings:
    """Return the settings of a gateway that forwards nothing."""
    from insource.cli.answering import limits_of
    from insource.gateway.settings import GatewaySettings, PassThrough

    return GatewaySettings(
        recorder=recorder,
        pass_through=PassThrough(admission=admission, max_body_bytes=int(config.gateway.max_body_mb * MB)),
        tasks=tuple(one.settings for one in answering),
        limits=limits_of(config),
        retention_days=config.log.retention_days,
        retention_gb=config.log.retention_gb,
    )


def _say_ready(answering: Sequence[Answering], url: str, key: str) -> None:
    from insource.cli.output import say

    for one in answering:
        say(f"Serving {one.found.task.name}@{one.found.version} with {one.found.name}")
    click.echo(f"{url}  key {key}")
    say("Stop with Ctrl-C")
