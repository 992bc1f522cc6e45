"""An Ollama that already runs.

It has no adapter per request (an adapter is part of a model, made once by `ollama create` from the export's
Modelfile), no grammars of llguidance and no token ids, so its answers have no confidence and a policy that
asks for one escalates them.
"""

from __future__ import annotations

from typing import Any

from insource.foundation.canonical import file_digest
from insource.foundation.errors import PrerequisiteError, ProviderError
from insource.models.control_tokens import control_tokens_of
from insource.models.engines.http import EngineHttp
from insource.models.engines.ollama import OllamaModel
from insource.serving.engines.by_url import EngineByUrl, shape_of


class OllamaServer(EngineByUrl):
    """One model of its store, named by ``serving.model``; at most one adapter, inside it."""

    title = "Ollama"

    @property
    def start_command(self) -> str:
        return "ollama serve"

    def probe(self, http: EngineHttp) -> None:
        http.get("/api/version")

    def check(self, http: EngineHttp) -> None:
        if len(self.settings.adapters) > 1:
            raise ProviderError(
                "engine-cannot",
                "Ollama serves one adapter a model, not several by request.",
                hint='Set engine = "llamacpp" in [serving] for several.',
            )
        known = [str(model["name"]) for model in http.get("/api/tags").get("models", ())]
        wanted = self.settings.model
        if wanted not in {*known, *(name.removesuffix(":latest") for name in known)}:
            raise PrerequisiteError(
                "engine-lacks-model",
                f"{self.name} has no model {wanted or 'without a name'}, but {', '.join(known) or 'none'}.",
                hint="Name it in serving.model. Make it from the export's Modelfile:\n"
                "      ollama create NAME -f Modelfile",
            )
        shown = http.post("/api/show", {"model": wanted})
        self._require_shape(shown.get("model_info") or {})
        self._require_adapter(str(shown.get("modelfile", "")))

    def client(self, name: str, adapter: int | None) -> OllamaModel:
        """Raises ProviderError: ``engine-cannot`` for the base model of a model with an adapter."""
        if adapter is None and self.settings.adapters:
            raise ProviderError(
                "engine-cannot",
                f"{self.settings.model} has its adapter inside; Ollama cannot answer without it.",
                hint='Set engine = "llamacpp" in [serving] to measure the base model, too.',
            )
        control = control_tokens_of(self.settings.gguf)
        return OllamaModel(name, self.http(), self.settings.model, control, self.settings.context_tokens)

    def _require_shape(self, about: dict[str, Any]) -> None:
        expected = shape_of(self.settings.gguf)
        architecture = about.get("general.architecture", "")
        width = int(about.get(f"{architecture}.embedding_length", 0))
        if width != expected.width:
            raise self.other_model(f"{self.settings.model} has width {width}", f"of width {expected.width}")

    def _require_adapter(self, modelfile: str) -> None:
        """Check that the model is not the base model's file alone; Ollama names blobs by their digest."""
        lines = modelfile.splitlines()
        if not self.settings.adapters or any(line.startswith("ADAPTER ") for line in lines):
            return
        digest = file_digest(self.settings.gguf)
        if any(line.startswith("FROM ") and digest in line for line in lines):
            raise PrerequisiteError(
                "engine-lacks-model",
                f"{self.settings.model} of {self.name} is the base model without the adapter.",
                hint="Make one with it: ollama create NAME -f Modelfile, in the folder of the export",
            )
