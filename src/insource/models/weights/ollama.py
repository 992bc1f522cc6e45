"""A model in Ollama's store on this machine: its manifest names the blob that holds the GGUF."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from insource.foundation.errors import UserError

NAME = re.compile(r"(?:[\w-][\w.-]*/){0,3}[\w-][\w.-]*(?::[\w-][\w.-]*)?")
DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
MODEL, ADAPTER = "application/vnd.ollama.image.model", "application/vnd.ollama.image.adapter"
REGISTRY, NAMESPACE, TAG = "registry.ollama.ai", "library", "latest"


def store() -> Path:
    """Return the folder of Ollama's models: ``OLLAMA_MODELS``, else ``~/.ollama/models``."""
    return Path(os.environ.get("OLLAMA_MODELS") or Path.home() / ".ollama" / "models")


def blob(name: str) -> tuple[Path, str]:
    """Return the GGUF file of a model and its sha256, by the name that `ollama list` shows.

    Raises:
        UserError: ``model-not-found``; ``model-unreadable`` for a damaged manifest, or for a model that is
            an adapter on another.
    """
    manifest = _manifest(name)
    if manifest is None or not manifest.is_file():
        raise UserError(
            "model-not-found",
            f"Ollama has no model `{name}` in {store()}.",
            hint="See the names with `ollama list`, fetch it with `ollama pull`, or set OLLAMA_MODELS.",
        )
    try:
        layers = json.loads(manifest.read_text(encoding="utf-8"))["layers"]
        kinds = {layer["mediaType"]: DIGEST.fullmatch(layer["digest"]) for layer in layers}
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable(name, f"its manifest {manifest} is damaged") from error
    if ADAPTER in kinds:
        raise _unreadable(name, "it is an adapter on another model")
    found = kinds.get(MODEL)
    if found is None:
        raise _unreadable(name, f"its manifest {manifest} names no weights")
    path = store() / "blobs" / f"sha256-{found[1]}"
    if not path.is_file():
        raise _unreadable(name, f"its weights {path} are not there")
    return path, found[1]


def _manifest(name: str) -> Path | None:
    if not NAME.fullmatch(name):
        return None
    whole, _, tag = name.partition(":")
    parts = whole.split("/")
    host = parts[0] if len(parts) == 3 else REGISTRY
    namespace = parts[-2] if len(parts) > 1 else NAMESPACE
    return store() / "manifests" / host / namespace / parts[-1] / (tag or TAG)


def _unreadable(name: str, reason: str) -> UserError:
    return UserError(
        "model-unreadable",
        f"Ollama's model `{name}` cannot be used: {reason}.",
        hint="Fetch it again with `ollama pull`, or choose another model with training.model.",
    )
