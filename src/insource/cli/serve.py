"""``insource serve``: serve the chosen model alone, OpenAI-compatible, on loopback."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import click

from insource.cli.options import project_options

if TYPE_CHECKING:
    from insource.arms.local import Local
    from insource.workflow.serve import Deployed
    from insource.workflow.session import Session


@click.command("serve", short_help="Serve the chosen model on loopback")
@click.argument("run", required=False)
@click.option("--port", type=click.IntRange(0, 65535), help="Overrides serving.port; 0 picks a free port.")
@project_options
def command(session: Session, run: str | None, port: int | None) -> None:
    """Serve the model that RUN (default: the newest run) chose; print its address and key.

    It has no cloud, no log and no policy; use `insource gateway` for those. A fitted model answers chat
    completions, /v1/decisions and /v1/systemone. A tuned model answers chat completions of the engine; send
    the adapter's scale in every request: "lora": [{"id": 0, "scale": 1}].
    """
    from insource.workflow.serve import deployed

    found = deployed(session, run)
    chosen = session.config.serving.port if port is None else port
    if found.engine is not None:
        _serve_engine(found.engine, chosen)
    else:
        _serve_model(found, chosen)


def _serve_model(found: Deployed, port: int) -> None:
    from insource.gateway.alone import Alone, serve_alone
    from insource.gateway.tasks.local import LocalAnswerer

    with found.open() as opened:
        answerer = LocalAnswerer(opened.model, found.task, found.ask, found.confidence)
        app = Alone(found.task, answerer, found.slots)
        serve_alone(app, port=port, on_ready=lambda url: _say_ready(found.name, url, app.api_key))


def _serve_engine(local: Local, port: int) -> None:
    from insource.foundation.errors import ProviderError
    from insource.serving.engines.llamacpp import LlamaCppEngine

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with LlamaCppEngine(local.settings().model_copy(update={"port": port})) as engine:
        _say_ready(local.tuned_name, f"{engine.url}/v1", engine.api_key)
        try:
            while engine.alive:
                time.sleep(0.5)
        except KeyboardInterrupt:
            return
        raise ProviderError(
            "engine-died",
            "The engine stopped unexpectedly.",
            details=engine.log_tail(),
            hint="Check the free memory, then start it again: insource serve",
        )


def _say_ready(name: str, url: str, key: str) -> None:
    from insource.cli.output import say

    say(f"Serving {name}")
    click.echo(f"{url}  key {key}")
    say("Stop with Ctrl-C")
