"""Run folders. A stage works in a ``.partial`` folder, writes its manifest last and renames the folder.

A folder with a manifest is therefore complete. A stage is skipped when a complete run with the same inputs,
configuration, seed, version and library versions exists. This serves as both resume and cache: the same
command continues where the last one stopped.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from pydantic import Field

from insource.foundation.canonical import digest, file_digest
from insource.foundation.clock import SYSTEM, Clock, iso
from insource.foundation.errors import IntegrityError, PrerequisiteError
from insource.foundation.files import locked, sync_folder, write_json
from insource.foundation.ids import run_id
from insource.foundation.version import __version__
from insource.types import Frozen

MANIFEST = "manifest.json"
CHECKPOINTS = "checkpoints"
ANSWERS_FOLDER = "answers"
CHECKED_BYTES = 64 * 1024 * 1024


class StageSpec(Frozen):
    """Everything that determines the bytes of a stage's run.

    ``inputs`` maps a name to a content digest. ``libraries`` are the distributions whose version
    changes the result. ``version`` is the stage's own, raised when its code changes meaning.
    ``former_libraries`` were counted once and are not any more: runs of that time still match.
    """

    stage: str
    version: int
    inputs: dict[str, str]
    config: dict[str, Any]
    seed: int
    libraries: tuple[str, ...] = ()
    former_libraries: tuple[str, ...] = Field((), exclude=True)

    def key(self) -> str:
        """Return the 64-digit digest by which a complete run is found again."""
        return digest(self.model_dump() | {"libraries": {name: installed(name) for name in self.libraries}})

    def key_of(self, manifest: Mapping[str, Any]) -> str:
        """Return the key of a run's manifest, as it would be without the libraries that do not count now."""
        spec = manifest.get("spec", {})
        if not set(self.former_libraries) & set(spec.get("libraries", ())):
            return str(manifest["key"])
        packages = manifest.get("environment", {}).get("packages", {})
        counted = {
            name: packages.get(name) for name in spec["libraries"] if name not in self.former_libraries
        }
        return digest(spec | {"libraries": counted})


class Run(Frozen):
    """A complete run: its folder, and its manifest as read from disk."""

    stage: str
    run_id: str
    path: Path
    manifest: dict[str, Any]
    skipped: bool = False

    @property
    def digest(self) -> str:
        return str(self.manifest["key"])

    @property
    def result(self) -> Any:
        return self.manifest["result"]

    @property
    def seconds(self) -> float:
        return float(self.manifest["seconds"])


class RunStore:
    """The runs of one workspace, in ``<workspace>/runs``.

    ``answers`` is the folder beside them with the answers that evaluations share, a cache.
    """

    def __init__(self, workspace: Path, clock: Clock = SYSTEM) -> None:
        self.folder = workspace / "runs"
        self.answers = workspace / ANSWERS_FOLDER
        self._clock = clock

    def run(self, spec: StageSpec, work: Callable[[Path], Mapping[str, Any]]) -> Run:
        """Return the complete run of a stage: an existing one, or the result of ``work`` in a partial folder.

        ``work`` gets the folder, which may hold files of an interrupted attempt, and returns the result to
        store in the manifest.

        Raises:
            PrerequisiteError: ``run-in-progress`` when another process works on the same run.
            IntegrityError: ``run-damaged``, as ``find``.
        """
        key = spec.key()
        if done := self.find(spec):
            return done.model_copy(update={"skipped": True})
        partial = self.folder / f".{spec.stage}-{key[:12]}.partial"
        partial.mkdir(parents=True, exist_ok=True)
        with _locked(partial):
            if done := self.find(spec):  # another process finished it between the two looks
                shutil.rmtree(partial)
                return done.model_copy(update={"skipped": True})
            if (ended := _ended(partial, key)) is not None:
                return self._finish(partial, ended)
            started, begun = self._clock.now(), self._clock.monotonic()
            result = dict(work(partial))
            manifest = {
                "schema_version": 1,
                "run_id": run_id(spec.stage, started, key),
                "stage": spec.stage,
                "key": key,
                "spec": spec.model_dump(),
                "started_at": iso(started),
                "finished_at": iso(self._clock.now()),
                "seconds": round(self._clock.monotonic() - begun, 3),
                "insource": __version__,
                "environment": environment(spec.libraries),
                "outputs": _outputs(partial),
                "result": result,
            }
            return self._finish(partial, manifest)

    def _finish(self, partial: Path, manifest: dict[str, Any]) -> Run:
        write_json(partial / MANIFEST, manifest)
        # After the manifest: a process that is killed before needs them, one that is killed here does not.
        shutil.rmtree(partial / CHECKPOINTS, ignore_errors=True)
        final = self.folder / manifest["run_id"]
        partial.rename(final)
        sync_folder(self.folder)
        return Run(stage=manifest["stage"], run_id=manifest["run_id"], path=final, manifest=manifest)

    def find(self, spec: StageSpec) -> Run | None:
        """Return the newest complete run of that spec, or None.

        Raises:
            IntegrityError: ``run-damaged`` when an output is missing or has changed.
        """
        key = spec.key()
        found = next((run for run in self.complete(spec.stage) if spec.key_of(run.manifest) == key), None)
        if found:
            _verify(found)
        return found

    def complete(self, stage: str | None = None) -> Iterator[Run]:
        """Yield every complete run, newest first; folders without a manifest are skipped.

        Raises:
            IntegrityError: ``run-damaged`` for an invalid manifest.
        """
        for path in reversed(self._manifests()):
            run = _read(path)
            if stage in (None, run.stage):
                yield run

    def made_from(self, digests: Set[str]) -> list[str]:
        """Return the ids of the runs that have or name one of these digests, or such a run; oldest first.

        A run whose manifest cannot be read is among them: it may be one.
        """
        names, found = set(digests), []
        for path in self._manifests() if names else ():
            text = path.read_text(encoding="utf-8", errors="replace")
            try:
                key = _read(path).digest
            except IntegrityError:
                key = ""
            if not key or any(name in text for name in names):
                found.append(path.parent.name)
                names |= {key} if key else set()
        return found

    def _manifests(self) -> list[Path]:
        """Return the manifests of complete runs, the oldest first."""
        found = sorted(self.folder.glob(f"*/{MANIFEST}"))
        return [path for path in found if not path.parent.name.endswith(".partial")]

    def interrupted(self) -> list[str]:
        """Return the names of the stages that were started and not finished."""
        return sorted(
            path.name.removeprefix(".").rpartition("-")[0] for path in self.folder.glob(".*.partial")
        )


def installed(distribution: str) -> str:
    """Return the version of an installed distribution, or ``absent``."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def environment(libraries: tuple[str, ...]) -> dict[str, Any]:
    """Return what a manifest records about the machine; host name and paths are left out."""
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu_count": os.cpu_count(),
        "packages": {name: installed(name) for name in libraries},
    }


def _outputs(folder: Path) -> list[dict[str, Any]]:
    """Return name, size and digest of every file of the stage, without checkpoints and locks."""
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and path.name not in (MANIFEST, ".lock") and name.parts[0] != CHECKPOINTS:
            size = path.stat().st_size
            found.append({"name": name.as_posix(), "bytes": size, "digest": file_digest(path)})
    return found


def _ended(partial: Path, key: str) -> dict[str, Any] | None:
    """Return the manifest of an attempt that was killed between its last file and its name."""
    try:
        manifest: dict[str, Any] = json.loads((partial / MANIFEST).read_text(encoding="utf-8"))
        return manifest if manifest["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _read(path: Path) -> Run:
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if not {"key", "seconds", "outputs", "result"} <= manifest.keys():
            raise KeyError("incomplete manifest")
        return Run(stage=manifest["stage"], run_id=manifest["run_id"], path=path.parent, manifest=manifest)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(path.parent, MANIFEST) from error


def damaged(folder: Path, name: str) -> IntegrityError:
    """Return the error for a run folder whose file ``name`` is missing or has changed."""
    return IntegrityError(
        "run-damaged",
        f"The run {folder.name} is damaged: {name} is missing or has changed.",
        hint=f"Delete the folder and run the command again: rm -r '{folder}'",
    )


def _verify(run: Run) -> None:
    for output in run.manifest["outputs"]:
        path = run.path / output["name"]
        size = path.stat().st_size if path.is_file() else None
        if size != output["bytes"] or (size <= CHECKED_BYTES and file_digest(path) != output["digest"]):
            raise damaged(run.path, output["name"])


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with ExitStack() as held:
        try:
            held.enter_context(locked(folder / ".lock", wait=False))
        except BlockingIOError as error:
            raise PrerequisiteError(
                "run-in-progress",
                f"Another process is already working on this run ({folder.name}).",
                hint="Wait for it, or stop it and run the command again; completed work is kept.",
            ) from error
        yield
