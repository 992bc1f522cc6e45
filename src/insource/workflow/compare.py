"""Find what is to be compared: evaluated arms of the project, or predictions from files."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from insource.dataset.identity import identity_of
from insource.dataset.saved.folder import examples, newest_first
from insource.dataset.saved.folder import load as load_dataset
from insource.evaluation.compare import Terms
from insource.evaluation.comparison.pairs import Side
from insource.evaluation.labelling import Labelled, Queue, estimate_from, queue
from insource.evaluation.never_answered import fields_of_labels
from insource.evaluation.predictions.judged import TEXT_TASK, gold_of, judge, require_known, task_of
from insource.evaluation.predictions.prediction import Prediction
from insource.evaluation.predictions.read import read_predictions
from insource.evaluation.stage import Evaluated, load
from insource.foundation.errors import UserError
from insource.foundation.files import replace_text
from insource.types import Dataset, Task
from insource.workflow.judge import fairness_of
from insource.workflow.session import Session


class Pair(NamedTuple):
    """Two arms with their records, the metric that compares them, and the fields that hold labels.

    ``notes`` are what a reader has to know about the records. ``why_not`` returns, for the terms, why the two
    are not comparable, empty when they are.
    """

    candidate: Side
    baseline: Side
    metric: str
    label_fields: Collection[str]
    notes: tuple[str, ...] = ()
    why_not: Callable[[Terms], str] = lambda terms: ""


def evaluated_pair(session: Session, candidate: str, baseline: str) -> Pair:
    """Return two arms as they were evaluated on the newest test split.

    Raises:
        UserError: ``no-such-arm``.
    """
    evaluated: dict[str, Evaluated] = {}
    test_split = None
    for run in session.project.runs.complete("evaluate"):  # newest first
        found_split = run.manifest["spec"]["inputs"]["split"]
        test_split = test_split or (found_split if run.result["split"] == "test" else None)
        if run.result["split"] == "test" and found_split == test_split:
            evaluated.setdefault(run.result["arm"]["name"], load(run))
    first, second = (_pick(evaluated, name) for name in (candidate, baseline))
    labels = "accuracy" in first.evaluation.metrics
    task = Task.model_validate(first.run.manifest["spec"]["config"]["task"])
    sides = [(one.evaluation.arm, one.records) for one in (first, second)]
    clouds = [arm.role == "reference" and not arm.simulated for arm, _ in sides]
    dataset = _dataset_of(session, test_split) if any(clouds) else None
    note = "The dataset of these evaluations is gone: handicaps of the cloud were not looked for."

    def why_not(terms: Terms) -> str:
        if dataset is None or all(clouds):
            return ""
        other, cloud = sides if clouds[1] else sides[::-1]
        return fairness_of(dataset, task, cloud, other, terms).reason

    return Pair(
        sides[0],
        sides[1],
        session.config.task.primary_metric or ("accuracy" if labels else "field_accuracy"),
        fields_of_labels(task.output),
        notes=(note,) if any(clouds) and dataset is None else (),
        why_not=why_not,
    )


def _dataset_of(session: Session, test_split: str | None) -> Dataset | None:
    """Return the dataset with this test split, None when its folder is gone."""
    for folder in newest_first(session.project.workspace / "datasets"):
        if identity_of(tuple(examples(folder, "test"))) == test_split:
            return load_dataset(folder)
    return None


def _pick(evaluated: dict[str, Evaluated], name: str) -> Evaluated:
    if name not in evaluated:
        raise UserError(
            "no-such-arm",
            f"There is no evaluation of `{name}` on the test split.",
            details=(f"Evaluated arms: {', '.join(evaluated) or 'none'}.",),
            hint="Measure it first: insource evaluate",
        )
    return evaluated[name]


def predicted_pair(
    session: Session, files: Iterable[str], gold_file: Path | None, candidate: str, baseline: str
) -> Pair:
    """Return two models of prediction files, judged by the gold.

    The gold is that of ``gold_file``, else the files' own. Raises as ``read_predictions`` and ``judge``.
    """
    predictions = _read(files)
    gold = _labels(gold_file) if gold_file else gold_of(predictions)
    task = task_of(gold) if gold else TEXT_TASK
    judged = judge(predictions, gold, task, (candidate, baseline))
    notes = () if gold else ("No gold is known: each answer counts as the other tool judged it.",)
    if judged.without_gold:
        notes = (*notes, f"{judged.without_gold:,} documents without gold are left out.")
    return Pair(
        judged.arms[candidate],
        judged.arms[baseline],
        session.config.task.primary_metric or task.primary_metric,
        fields_of_labels(task.output),
        notes,
    )


def _read(files: Iterable[str]) -> tuple[Prediction, ...]:
    found: list[Prediction] = []
    for given in files:
        name, separator, path = given.partition("=")
        whole = Path(given)
        named = bool(separator) and not whole.exists()
        found += read_predictions(Path(path) if named else whole, name if named else "")
    return tuple(found)


def _labels(path: Path) -> dict[str, str]:
    return {one.id: one.output for one in read_predictions(path) if one.output}


class ToLabel(NamedTuple):
    """The documents on which two models of prediction files differ, and the task that judges them."""

    queue: Queue
    task: Task


def to_label(files: Iterable[str], candidate: str, baseline: str, margin: float | None) -> ToLabel:
    """Return the documents whose labels decide between two models.

    Raises:
        UserError: ``no-such-arm``.
        DataError: as ``read_predictions``, and ``no-common-documents``.
    """
    predictions = _read(files)
    by_model: dict[str, dict[str, Prediction]] = {}
    for one in predictions:
        by_model.setdefault(one.model, {})[one.id] = one
    for name in (candidate, baseline):
        require_known(name, by_model)
    task = task_of({f"{one.model} {one.id}": one.output for one in predictions if one.output})
    task = task.model_copy(update={"margin": task.margin if margin is None else margin})
    return ToLabel(queue(by_model[candidate], by_model[baseline], task), task)


def write_queue(path: Path, found: Queue) -> None:
    """Write the documents to label, with both answers in an order that does not say whose they are.

    Raises:
        UserError: ``already-there``.
    """
    if path.exists():
        raise UserError(
            "already-there",
            f"{path} already exists, and may hold labels.",
            hint="Read it back with --labels, or name another file.",
        )
    rows = (
        {
            "id": one.id,
            "input": one.input,
            "answers": sorted((one.output or "", other.output or "")),
            "output": None,
        }
        for one, other in found.differing
    )
    replace_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def from_labels(path: Path, found: ToLabel) -> Labelled:
    """Return the difference that the labels in a queue's file give. Raises as ``estimate_from``."""
    return estimate_from(found.queue, _labels(path), found.task)
