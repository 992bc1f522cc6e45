"""The engine's process: load xllamacpp, serve on loopback, and end with the parent.

Run as ``python -m insource.serving.engines.llamacpp_child`` with the settings as one JSON line on standard
input. It answers with one JSON line, ``{"url": …}`` or ``{"error": …}``, and then waits until standard input
closes, which happens when the parent closes it or dies.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from typing import Any


def _parameters(settings: dict[str, Any]) -> Any:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = settings["gguf"]
    parameters.model_alias = {settings["alias"]}
    parameters.n_ctx = settings["context_tokens"] * settings["slots"]
    parameters.n_parallel = settings["slots"]
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = settings["threads"]
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = settings["port"]
    parameters.api_keys = [settings["api_key"]]
    parameters.cors_origins = "localhost"  # the default is "*" with credentials
    # The cache of earlier prompts goes by their tokens alone: it would answer from another adapter's state.
    parameters.cache_ram_mib = 0 if settings["adapters"] else 256  # the default takes 8 GiB
    parameters.endpoint_metrics = True
    parameters.verbosity = 0
    parameters.use_jinja = True
    parameters.enable_reasoning = 0
    # Scale 0 at load: every request states the scales to use.
    parameters.lora_adapters = [
        xllamacpp.CommonAdapterLoraInfo(adapter, 0.0) for adapter in settings["adapters"]
    ]
    return parameters


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    # llama.cpp writes to the process's standard output; the channel to the parent must stay clean.
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        if settings["memory_limit_bytes"]:
            limit = settings["memory_limit_bytes"]
            resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        import xllamacpp

        server = xllamacpp.Server(_parameters(settings))
    except Exception as error:
        channel.write(json.dumps({"error": f"{type(error).__name__}: {error}"}) + "\n")
        channel.flush()
        os._exit(1)
    channel.write(json.dumps({"url": server.listening_address}) + "\n")
    channel.flush()
    sys.stdin.read()
    os._exit(0)  # the server's threads have nothing to save, and joining them may hang


if __name__ == "__main__":
    main()
