"""Hold the tuned model's answers to their documents, field by field where that loses nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from insource.arms.grounding import LEAST_VALUES, SETTINGS, VERSION, FittedGrounding, fit_grounding
from insource.foundation.canonical import digest
from insource.models.fitted.spans.fields import spelled
from insource.models.grounding.grounding import Grounding
from insource.runs.folders import StageSpec
from insource.types import Dataset, JsonSchema, Task
from insource.workflow.session import Session

STAGE, FILE = "ground", "grounding.json"
LIBRARIES = ("numpy",)
_LIMITS = {"maxLength": "{:,} characters", "maxItems": "{:,} items", "maximum": "{:,}"}


class Grounded(NamedTuple):
    """The grounding with its file; both are None where nothing is held to the document."""

    grounding: Grounding | None = None
    file: Path | None = None


def ground(session: Session, dataset: Dataset, task: Task) -> Grounded:
    """Find, or read back, what the tuned model's answers are held to, and show the reasons."""
    if session.config.serving.grounding == "off" or not isinstance(task.output, JsonSchema):
        return Grounded()
    train, seed = dataset.splits["train"], session.config.project.seed
    session.begin(STAGE, "find the fields whose values stand in their documents")

    def work(folder: Path) -> dict[str, Any]:
        found = fit_grounding(task, train, seed)
        found.grounding.save(folder / FILE)
        return {"lines": _lines(found)}

    spec = StageSpec(
        stage=STAGE,
        version=VERSION,
        inputs={"train": digest([(one.digest, one.group, one.target) for one in train])},
        config={"output": task.output.model_dump(mode="json"), "settings": SETTINGS},
        seed=seed,
        libraries=LIBRARIES,
    )
    run = session.done(session.project.runs.run(spec, work))
    for line in run.result["lines"]:
        session.display.note(line)
    grounding = Grounding.load(run.path / FILE)
    return Grounded(grounding, run.path / FILE) if grounding.fields or grounding.caps else Grounded()


def _lines(found: FittedGrounding) -> list[str]:
    """Say which fields are held to the document and which are not, each with its evidence."""
    held = [f"{one.name} ({one.reason})" for one in found.shares if one.grounded]
    told = [one for one in found.shares if one.kind == "text" or one.values >= LEAST_VALUES]
    free = [f"{one.name} ({one.reason})" for one in told if not one.grounded]
    few = len(found.shares) - len(held) - len(free)
    if few:
        free.append(f"{few} fields with fewer than {LEAST_VALUES} values in training")
    lines = []
    if held:
        lines.append("Values the document does not state are ruled out for " + ", ".join(held))
    if caps := found.grounding.caps:
        limits = ", ".join(f"{spelled(path)} ({_in_words(held)})" for path, held in caps)
        lines.append(f"Limited by the largest value in training, where the schema sets no limit: {limits}")
    if free:
        lines.append("Not held to the document: " + ", ".join(free))
    return lines


def _in_words(limits: Mapping[str, int]) -> str:
    said = (_LIMITS[keyword].format(most) for keyword, most in limits.items() if keyword in _LIMITS)
    return ", ".join(said)
