"""The engine that the settings name."""

from __future__ import annotations

from insource.serving.engine import Engine, EngineSettings


def engine_for(settings: EngineSettings) -> Engine:
    """Return the engine, not started."""
    if settings.kind == "vllm":
        from insource.serving.engines.vllm import VllmServer

        return VllmServer(settings)
    if settings.kind == "llama-server":
        from insource.serving.engines.llama_server import LlamaServer

        return LlamaServer(settings)
    if settings.kind == "ollama":
        from insource.serving.engines.ollama import OllamaServer

        return OllamaServer(settings)
    from insource.serving.engines.llamacpp import LlamaCppEngine

    return LlamaCppEngine(settings)
