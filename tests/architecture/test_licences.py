"""What a user installs with Insource carries a permissive licence, all the way down."""

import importlib.metadata
import re
import tomllib
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
PERMISSIVE = re.compile(
    r"apache|mit\b|mit-|bsd|psf|python software foundation|isc\b|mpl-2|mozilla public license 2"
    r"|zlib|0bsd|unlicense|cc0|hpnd|boost",
    re.IGNORECASE,
)
# Copyleft beside a permissive choice ("MIT OR GPL") is fine; alone it is not.
COPYLEFT = re.compile(r"\b(a?gpl|lgpl|general public license|sspl|busl|non-?commercial)", re.IGNORECASE)


def runtime_requirements():
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    return [
        *project["dependencies"],
        *(
            line
            for name in ("train", "serve", "report", "parquet", "documents", "embeddings")
            for line in extras[name]
        ),
    ]


def closure():
    """Every installed distribution reached from the runtime requirements on this platform."""
    environment = default_environment() | {"extra": ""}
    found, waiting = {}, [Requirement(line) for line in runtime_requirements()]
    while waiting:
        requirement = waiting.pop()
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if name in found or (requirement.marker and not requirement.marker.evaluate(environment)):
            continue
        try:
            found[name] = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        waiting += [Requirement(line) for line in found[name].requires or ()]
    return found


def licence(distribution):
    """The licence as the distribution declares it: expression, classifiers, or the first line of text."""
    metadata = distribution.metadata
    if expression := metadata.get("License-Expression"):
        return expression
    classifiers = [line for line in metadata.get_all("Classifier", []) if line.startswith("License")]
    text = (metadata.get("License") or "").strip().splitlines()
    return "; ".join([*(line.rpartition("::")[2].strip() for line in classifiers), *text[:1]])


def test_runtime_dependencies_are_permissive():
    found = closure()
    assert len(found) > 20  # the walk really happened
    declared = {name: licence(distribution) for name, distribution in found.items()}
    unknown = {name: text for name, text in declared.items() if not PERMISSIVE.search(text)}
    copyleft = {
        name: text
        for name, text in declared.items()
        if COPYLEFT.search(text) and not re.search(r"\bor\b", text, re.IGNORECASE)
    }
    assert unknown == {}
    assert copyleft == {}
