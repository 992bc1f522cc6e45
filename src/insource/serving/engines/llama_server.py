"""A `llama-server` that already runs: the same interface as the embedded engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from insource.foundation.errors import PrerequisiteError, ProviderError
from insource.models.control_tokens import control_tokens_of
from insource.models.engines.http import EngineHttp
from insource.models.llamacpp import LlamaCppModel
from insource.serving.engines.by_url import EngineByUrl, Shape, shape_of

PROBE_GRAMMAR, PROBE_ANSWER = '%llguidance {}\nstart: "ab"', "ab"


class LlamaServer(EngineByUrl):
    """Its adapters are those that it was started with; they are found by file name."""

    title = "llama-server"
    _places: tuple[int, ...] = ()
    _adapters = 0

    @property
    def start_command(self) -> str:
        adapters = "".join(f" --lora {path}" for path in self.settings.adapters)
        context = self.settings.context_tokens * self.settings.slots
        # The cache of earlier prompts goes by their tokens alone, as in llamacpp_child.
        options = f"--lora-init-without-apply --cache-ram 0 -np {self.settings.slots} -c {context} --jinja"
        return f"llama-server -m {self.settings.gguf}{adapters} {options}"

    def probe(self, http: EngineHttp) -> None:
        http.get("/health")

    def check(self, http: EngineHttp) -> None:
        expected = shape_of(self.settings.gguf)
        meta = _first(http.get("/v1/models")).get("meta") or {}
        served = Shape(int(meta.get("n_vocab", 0)), int(meta.get("n_embd", 0)))
        if served != expected:
            raise self.other_model(
                f"{served.vocabulary} tokens, width {served.width}",
                f"{expected.vocabulary} tokens, width {expected.width}",
            )
        self._find_adapters(http)
        self._require_grammars(http)

    def client(self, name: str, adapter: int | None) -> LlamaCppModel:
        chosen = None if adapter is None else self._places[adapter]
        return LlamaCppModel(
            name,
            self.url,
            control_tokens_of(self.settings.gguf),
            adapter_scales=tuple(float(place == chosen) for place in range(self._adapters)),
            api_key=self.api_key or None,
            engine=self.name,
            privacy=self.settings.privacy,
        )

    def _find_adapters(self, http: EngineHttp) -> None:
        loaded = [str(one.get("path", "")) for one in http.list("/lora-adapters")]
        self._adapters = len(loaded)
        places = []
        for adapter in self.settings.adapters:
            place = _place_of(adapter, loaded)
            if place is None:
                raise PrerequisiteError(
                    "engine-lacks-model",
                    f"{self.name} was not started with the adapter {adapter}.",
                    details=(f"It has {', '.join(loaded) or 'no adapter'}.",),
                    hint=f"Start it again: {self.start_command}",
                )
            places.append(place)
        self._places = tuple(places)

    def _require_grammars(self, http: EngineHttp) -> None:
        """Check that the server was built with llguidance: without, it would not hold answers to a schema."""
        body = {
            "prompt": "a",
            "max_tokens": 8,
            "grammar": PROBE_GRAMMAR,
            "lora": [{"id": place, "scale": 0.0} for place in range(self._adapters)],
        }
        try:
            said = _first(http.post("/v1/completions", body), "choices").get("text")
        except ProviderError as error:
            said = error.message
        if said != PROBE_ANSWER:
            raise ProviderError(
                "engine-cannot",
                f"{self.name} does not apply grammars of llguidance.",
                details=(str(said)[:200],),
                hint='Build it with -DLLAMA_LLGUIDANCE=ON, or set engine = "llamacpp" in [serving].',
            )


def _place_of(adapter: Path, loaded: list[str]) -> int | None:
    """Return the place of an adapter among paths of another process, by its whole path or its file name."""
    for wanted in (str(adapter), str(adapter.resolve()), adapter.name):
        found = [place for place, path in enumerate(loaded) if path == wanted or Path(path).name == wanted]
        if len(found) == 1:
            return found[0]
    return None


def _first(answer: dict[str, Any], key: str = "data") -> dict[str, Any]:
    entries = answer.get(key) or [{}]
    return dict(entries[0])
