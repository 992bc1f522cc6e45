"""``insource gateway``: the front door in front of the tuned model and the cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from insource.cli.options import project_options

if TYPE_CHECKING:
    from insource.session import Session


@click.command("gateway", short_help="Local first, the cloud when in doubt")
@click.argument("run", required=False)
@click.option("--port", type=click.IntRange(0, 65535), help="Overrides gateway.port; 0 takes a free one.")
@project_options
def command(session: Session, run: str | None, port: int | None) -> None:
    """Serve the model of RUN (the newest when not given) behind an OpenAI-compatible address.

    Point your client's base_url at it. Doubtful answers go to reference.model with your own key, as
    you sent them; every call lands in the log with its route and the reason.
    """
    from insource.cli.output import say
    from insource.deployed import deployed
    from insource.gateway.server import serve
    from insource.gateway.settings import GatewaySettings, HttpCloud
    from insource.logs.prices import PriceTable
    from insource.logs.recorder import Recorder
    from insource.serving.engines.llamacpp import require_free_port

    found = deployed(session, run)
    chosen = session.config.gateway.port if port is None else port
    require_free_port(chosen)  # before the engine takes its time to load
    reference = session.config.reference
    cloud = None
    if reference.model:
        cloud = HttpCloud(model=reference.model.partition("/")[2], base_url=reference.base_url)

    def ready(url: str) -> None:
        say(f"Gateway on {url}, model {found.local.base.name} + {found.task.name}")
        say(found.policy.reason)
        say(f"Escalates to {reference.model or 'nothing: set reference.model to have a cloud behind it'}")
        say("Stop with Ctrl-C")

    name = f"{found.local.base.name} + {found.task.name}"
    with (
        Recorder.open(
            session.project.workspace, on_log_failure=session.config.gateway.on_log_failure
        ) as recorder,
        found.local.serve(name, 0) as served,
    ):
        settings = GatewaySettings(
            task=found.task,
            policy=found.policy,
            recorder=recorder,
            local=served,
            cloud=cloud,
            confidence=found.confidence,
            price=PriceTable().cost,
            engine_alive=lambda: served.engine.alive,
            max_tokens=found.local.max_new_tokens,
        )
        serve(settings, port=chosen, on_ready=ready)
