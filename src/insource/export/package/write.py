"""Write a fitted model as a package: its files, the source that it needs, and where it came from."""

from __future__ import annotations

import json
import keyword
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from insource.export.package.closure import Closure, copied
from insource.export.package.texts import (
    EMBEDDED,
    EMBEDDING,
    HOLDS,
    INIT,
    MAIN,
    MODEL,
    README,
    SOURCE,
    figure_lines,
    project_text,
)
from insource.foundation.errors import PrerequisiteError, UserError
from insource.models.fitted import registry
from insource.types import RunResult

REGISTRY = "insource.models.fitted.registry"
EMBEDDINGS = "insource.models.embeddings.minilm"
PROVENANCE = "provenance.json"
OURS = ("pyproject.toml", "README.md", "LICENSE")


class Packaged(NamedTuple):
    """A written package: its folder, the name to import, and what it requires."""

    folder: Path
    package: str
    requirements: tuple[str, ...]


def package_name(task: str) -> str:
    """Return the name to import: ``Support tickets`` → ``support_tickets_model``."""
    plain = re.sub(r"[^0-9a-z]+", "_", task.lower()).strip("_") or "task"
    plain = f"task_{plain}" if plain[0].isdigit() or keyword.iskeyword(plain) else plain
    return f"{plain}_model"


def write_package(result: RunResult, model: Path, folder: Path) -> Packaged:
    """Write the model in ``model``, which ``result`` chose, as a package into ``folder``.

    Everything is written beside it first, and takes its place when it is complete. Another package of
    Insource in the folder is replaced; what else is in there stays.

    Raises:
        UserError: ``already-exported`` when there is something else in the folder.
        DataError: ``fitted-model-unreadable``.
    """
    if folder.exists() and any(folder.iterdir()) and not _is_ours(folder):
        raise UserError(
            "already-exported",
            f"{folder} is not empty, and nothing in it says that it is an exported model.",
            hint="Name another folder: insource export --to FOLDER",
        )
    package = package_name(result.task)
    embeds = registry.load(model).embeds
    kinds = _kinds(model)
    closure = _closure(kinds, package)
    requirements = _requirements(closure, embeds=embeds)
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    inner = partial / package
    for place, text in closure.files.items():
        path = inner / SOURCE / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    shutil.copytree(model, inner / MODEL)
    embedding = _copy_embedding(inner, package) if embeds else ""
    _write_texts(partial, inner, result, package, requirements, embedding, kinds)
    _put(partial, folder)
    return Packaged(folder, package, requirements)


def _put(written: Path, folder: Path) -> None:
    """Give the written entries their places; what else is in the folder stays, such as ``.git``."""
    folder.mkdir(parents=True, exist_ok=True)
    for entry in sorted(written.iterdir()):
        place = folder / entry.name
        if place.is_dir():
            place.rename(written / f".{entry.name}.old")
        entry.rename(place)
    shutil.rmtree(written)


def _is_ours(folder: Path) -> bool:
    return any(folder.glob(f"*_model/{PROVENANCE}"))


def _kinds(model: Path) -> list[str]:
    """Return the kinds of a fitted model and of the models in folders of it."""
    heads = [json.loads(path.read_text(encoding="utf-8")) for path in model.rglob(registry.FILE)]
    return sorted({head["kind"] for head in heads if "kind" in head})


def _closure(kinds: Sequence[str], package: str) -> Closure:
    """Return the source behind these kinds of fitted models."""
    classes = {kind: registry.KINDS[kind] for kind in kinds}
    inside = f"{package}.{SOURCE}"
    renamed = {kind: inside + place.removeprefix("insource") for kind, place in classes.items()}
    start = [REGISTRY, *(place.partition(":")[0] for place in classes.values())]
    return copied(start, inside, {REGISTRY: {"KINDS": repr(renamed)}})


def _requirements(closure: Closure, *, embeds: bool) -> tuple[str, ...]:
    """Return the distributions behind the third-party imports, at least at the installed versions."""
    distributions = metadata.packages_distributions()
    found = set()
    for name, importers in closure.needed.items():
        if not embeds and importers == {EMBEDDINGS}:
            continue
        for distribution in distributions.get(name, [name])[:1]:
            found.add(f"{distribution}>={metadata.version(distribution)}")
    return tuple(sorted(found, key=str.lower))


def _copy_embedding(inner: Path, package: str) -> str:
    """Copy the files of the sentence embeddings; return the lines that make the package use them."""
    from importlib import import_module

    names = []
    (inner / EMBEDDING).mkdir()
    for path in import_module(EMBEDDINGS).files():
        shutil.copyfile(path, inner / EMBEDDING / path.name)
        names.append(path.name)
    return EMBEDDED.format(package=package, source=SOURCE, folder=EMBEDDING, names=names)


def _write_texts(
    folder: Path,
    inner: Path,
    result: RunResult,
    package: str,
    requirements: tuple[str, ...],
    embedding: str,
    kinds: Sequence[str],
) -> None:
    about = f"Answers the task “{result.task}”: {result.instruction}".replace('"', "'").strip()
    about = re.sub(r"\s+", " ", about.replace("\\", "/"))
    said = provenance(result, requirements)
    known = {"package": package, "source": SOURCE, "model": MODEL, "about": about}
    known |= {"insource": result.insource_version, "run": result.run_id, "embedding": embedding}
    more = "The sentence embeddings in it are all-MiniLM-L6-v2 (Apache-2.0).\n" if embedding else ""
    readme = README.format(
        **known,
        task=result.task,
        arm=said["arm"],
        dataset=f"{result.dataset.name}@{result.dataset.digest[:12]}",
        figures=figure_lines(said["figures"]),
        holds=" ".join(HOLDS[kind] for kind in kinds if kind in HOLDS),
        more=more,
    )
    (inner / "__init__.py").write_text(INIT.format(**known), encoding="utf-8")
    (inner / "__main__.py").write_text(MAIN.format(**known), encoding="utf-8")
    (inner / PROVENANCE).write_text(json.dumps(said, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    version = re.sub(r"\D", ".", result.finished_at[:10])
    version = ".".join(str(int(part)) for part in version.split("."))
    (folder / OURS[0]).write_text(project_text(package, about, version, requirements), encoding="utf-8")
    (folder / OURS[1]).write_text(readme, encoding="utf-8")
    (folder / OURS[2]).write_text(_licence(), encoding="utf-8")


def provenance(result: RunResult, requirements: tuple[str, ...]) -> dict[str, Any]:
    """Return where the model came from, with the figures of its arm on the test split."""
    served = result.served
    arm = served.arm if served is not None else ""
    found = next((one for one in result.evaluations if one.arm.name == arm), None)
    figures: Mapping[str, Any] = {} if found is None else found.metrics
    return {
        "task": result.task,
        "arm": arm,
        "run": result.run_id,
        "finished_at": result.finished_at,
        "insource": result.insource_version,
        "dataset": {"name": result.dataset.name, "digest": result.dataset.digest},
        "figures": {
            name: one.model_dump(mode="json") for name, one in figures.items() if one.value is not None
        },
        "tested_with": {name: metadata.version(name) for name in _names(requirements)},
        "licence": {SOURCE: "Apache-2.0", MODEL: "made from your rows"},
    }


def _names(requirements: tuple[str, ...]) -> list[str]:
    return [one.partition(">=")[0] for one in requirements]


def _licence() -> str:
    """Return Insource's licence, as installed."""
    files = metadata.files("insource") or []
    text = next((file.read_text() for file in files if file.name == "LICENSE"), None)
    return text or "Apache License 2.0: https://www.apache.org/licenses/LICENSE-2.0\n"


def build_wheel(packaged: Packaged) -> Path:
    """Build the package's wheel into its folder ``dist`` with pip, which fetches the build tool.

    Raises:
        PrerequisiteError: ``wheel-not-built``.
    """
    target = packaged.folder / "dist"
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-input"]
    done = subprocess.run(
        [*command, "--disable-pip-version-check", "--wheel-dir", str(target), str(packaged.folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    wheels = list(target.glob("*.whl"))
    if done.returncode or not wheels:
        raise PrerequisiteError(
            "wheel-not-built",
            f"pip could not build a wheel of {packaged.folder}. The folder itself is complete.",
            details=tuple(done.stderr.strip().splitlines()[-3:]),
            hint=f"Connect to a package index, then: pip wheel --no-deps '{packaged.folder}'",
        )
    return wheels[0]
