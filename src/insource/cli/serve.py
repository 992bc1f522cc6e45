"""``insource serve``: serve the tuned model alone, OpenAI-compatible, on loopback."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import click

from insource.cli.options import project_options

if TYPE_CHECKING:
    from insource.workflow.session import Session


@click.command("serve", short_help="Serve the tuned model on loopback")
@click.argument("run", required=False)
@click.option("--port", type=click.IntRange(0, 65535), help="Overrides serving.port; 0 picks a free port.")
@project_options
def command(session: Session, run: str | None, port: int | None) -> None:
    """Start the engine with the adapter of RUN (default: the newest run); print its address and key.

    The engine has no cloud, no log and no policy; use `insource gateway` for those. Send the adapter's scale
    in every request: "lora": [{"id": 0, "scale": 1}].
    """
    from insource.cli.output import say
    from insource.foundation.errors import ProviderError
    from insource.serving.engines.llamacpp import LlamaCppEngine
    from insource.workflow.serve import deployed

    found = deployed(session, run)
    chosen = session.config.serving.port if port is None else port
    settings = found.local.settings().model_copy(update={"port": chosen})
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with LlamaCppEngine(settings) as engine:
        say(f"Serving {found.local.tuned_name}")
        click.echo(f"{engine.url}/v1  key {engine.api_key}")
        say("Stop with Ctrl-C")
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
