"""A vLLM server that already runs: adapters are loaded into it at run time."""

from __future__ import annotations

import secrets
from pathlib import Path

from insource.foundation.errors import PrerequisiteError, ProviderError
from insource.models.control_tokens import control_tokens_of
from insource.models.engines.http import EngineHttp
from insource.models.engines.vllm import VllmModel
from insource.serving.engines.by_url import EngineByUrl

PEFT_FOLDER = "adapter"
"""vLLM reads the adapter as PEFT wrote it; the export keeps that folder beside the GGUF file."""
PEFT_CONFIG = "adapter_config.json"
PROBE_GRAMMAR, PROBE_ANSWER = '%llguidance {}\nstart: "ab"', "ab"


class VllmServer(EngineByUrl):
    """Its adapters get names of their own, so that two sets can be served beside each other."""

    title = "vLLM"
    _base = ""
    _loaded: tuple[str, ...] = ()

    @property
    def start_command(self) -> str:
        return (
            "VLLM_ALLOW_RUNTIME_LORA_UPDATING=True vllm serve MODEL --enable-lora --max-lora-rank 64 "
            "--structured-outputs-config.backend guidance --enable-prefix-caching "
            f"--max-model-len {self.settings.context_tokens}"
        )

    def probe(self, http: EngineHttp) -> None:
        http.get("/health")

    def check(self, http: EngineHttp) -> None:
        served = [
            str(model["id"]) for model in http.get("/v1/models").get("data", ()) if not model.get("parent")
        ]
        wanted = self.settings.model or (served[0] if len(served) == 1 else "")
        if wanted not in served:
            raise PrerequisiteError(
                "engine-lacks-model",
                f"{self.name} serves {', '.join(served) or 'no model'}, not {wanted or 'one model alone'}.",
                hint="Name one of them in serving.model.",
            )
        self._base = wanted
        self._require_vocabulary(http)
        self._require_grammars(http)
        self._load(http)

    def stop(self) -> None:
        if self._loaded:
            http = self.http()
            try:
                for name in self._loaded:
                    http.post("/v1/unload_lora_adapter", {"lora_name": name})
            except ProviderError:
                pass  # the server has ended, and its adapters with it
            finally:
                http.close()
            self._loaded = ()
        super().stop()

    def client(self, name: str, adapter: int | None) -> VllmModel:
        served_as = self._base if adapter is None else self._loaded[adapter]
        control = control_tokens_of(self.settings.gguf)
        return VllmModel(name, self.http(), served_as, control, self.settings.gguf)

    def _require_vocabulary(self, http: EngineHttp) -> None:
        for spelling, token in control_tokens_of(self.settings.gguf).by_spelling.items():
            body = {"model": self._base, "prompt": spelling, "add_special_tokens": False}
            found = http.post("/tokenize", body)["tokens"]
            if found != [token]:
                raise self.other_model(f"{spelling} is {found} in {self._base}", f"one with token {token}")

    def _require_grammars(self, http: EngineHttp) -> None:
        body = {
            "model": self._base,
            "prompt": "a",
            "max_tokens": 8,
            "temperature": 0,
            "structured_outputs": {"grammar": PROBE_GRAMMAR},
        }
        try:
            said = str(http.post("/v1/completions", body)["choices"][0]["text"])
        except ProviderError as error:
            said = error.message
        if said != PROBE_ANSWER:
            raise ProviderError(
                "engine-cannot",
                f"{self.name} does not apply grammars of llguidance.",
                details=(said[:200],),
                hint=f"Start it with its guidance backend: {self.start_command}",
            )

    def _load(self, http: EngineHttp) -> None:
        for adapter in self.settings.adapters:
            folder = peft_folder(adapter)
            name = f"{self.settings.alias}-{secrets.token_hex(4)}"
            try:
                http.post("/v1/load_lora_adapter", {"lora_name": name, "lora_path": str(folder)})
            except ProviderError as error:
                raise _not_loaded(self, folder, error) from error
            self._loaded = (*self._loaded, name)


def peft_folder(adapter: Path) -> Path:
    """Return the PEFT folder of an adapter, which is given by its GGUF file or by the folder itself.

    Raises:
        PrerequisiteError: ``engine-lacks-model`` when there is none.
    """
    folder = adapter if adapter.is_dir() else adapter.with_name(PEFT_FOLDER)
    if not (folder / PEFT_CONFIG).is_file():
        raise PrerequisiteError(
            "engine-lacks-model",
            f"vLLM reads adapters as PEFT writes them, and there is no {folder / PEFT_CONFIG}.",
            hint="Export the model again: insource export",
        )
    return folder.resolve()


def _not_loaded(engine: VllmServer, folder: Path, error: ProviderError) -> ProviderError:
    return ProviderError(
        "engine-refused",
        f"{engine.name} did not load the adapter {folder}.",
        details=(error.message,),
        hint=f"It has to see that folder and fit its base model. Started so, it takes adapters:\n"
        f"      {engine.start_command}",
    )
