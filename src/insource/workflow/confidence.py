"""Learn which fields are right, on documents that do not certify the bound, and measure it on test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from insource.arms.folds import units_of
from insource.evaluation.stage import Evaluated
from insource.foundation.canonical import digest
from insource.foundation.files import write_json
from insource.routing.fields.features import FEATURES
from insource.routing.fields.figures import answer_judgements, field_judgements, figures_of
from insource.routing.fields.fitting import LEAST_WRONG, LabelledAnswer, fit_confidence, folds_of, usable
from insource.routing.fields.habits import habits_of
from insource.routing.fields.model import FILE, FieldConfidence, load
from insource.routing.fields.novelty import KnownText, known_text
from insource.runs.folders import Run, StageSpec
from insource.stats.learn_then_test import minimum_calibration_n
from insource.types import Completion, Dataset, EvalRecord, Example, Task
from insource.types.confidence import ConfidenceSummary
from insource.workflow.session import Session

STAGE, VERSION = "confidence", 1
LIBRARIES = ("scikit-learn", "numpy")
ENOUGH_WRONG = 3 * LEAST_WRONG
"""With fewer wrong validation answers, a part of the calibration split is learned from as well."""
DIVIDED_FROM = 4
"""The calibration split is divided only when it has so many times the documents that the bound needs."""


class Looked(NamedTuple):
    """The chosen arm's answers to a split, and those of the arm whose answers they are compared with.

    ``second`` is empty where no other arm is asked.
    """

    evaluated: Evaluated
    second: Mapping[str, Completion] = {}
    name: str = ""


class Learned(NamedTuple):
    """What was learned, or None with the reason why not. ``certifying`` are the row ids of the calibration
    documents that nothing was learned from: they alone may prove the bound.
    """

    run: Run
    confidence: FieldConfidence | None
    certifying: frozenset[str]
    reason: str

    @property
    def file(self) -> Path | None:
        return None if self.confidence is None else self.run.path / FILE

    def stated(self, looked: Looked, examples: Sequence[Example], task: Task) -> Evaluated:
        """Return an evaluation with the learned confidence in the place of the stated one."""
        if self.confidence is None:
            return looked.evaluated
        by_row = {example.row_id: example.input for example in examples}
        records = [
            _stated(self.confidence, one, by_row[one.row_id], looked.second.get(one.row_id), task)
            for one in looked.evaluated.records
        ]
        return looked.evaluated._replace(records=tuple(records))

    def proof(self, looked: Looked, examples: Sequence[Example], task: Task) -> Evaluated:
        """Return the evaluation of the calibration documents that certify, with the learned confidence."""
        found = self.stated(looked, examples, task)
        kept = tuple(one for one in found.records if one.row_id in self.certifying)
        return found._replace(records=kept)


def _stated(
    confidence: FieldConfidence, record: EvalRecord, document: str, second: Completion | None, task: Task
) -> EvalRecord:
    if record.completion is None or record.confidence is None:
        return record
    # What an arm derived from the tokens stands in the record, not always in the completion.
    said = record.completion.model_copy(update={"confidence": record.confidence})
    completion = confidence.stated(document, said, task.output, second)
    return record.model_copy(update={"completion": completion, "confidence": completion.confidence})


def learn_confidence(
    session: Session, dataset: Dataset, task: Task, calibration: Looked, validation: Looked | None
) -> Learned:
    """Fit the confidence of the chosen arm, or read it back, and say what it was fitted on.

    The answers are those of the validation split. For an arm whose confidence follows from its tokens, one
    half of the calibration split is added, divided by group, where too few validation answers are wrong and
    the other half is large enough to certify. A fitted arm states a probability that was calibrated when it
    was fitted. What is divided never follows from the calibration outcomes.
    """
    section, train = session.config.routing, dataset.splits["train"]
    known = known_text([one.input for one in train])
    outside = _labelled(validation, dataset.splits["validation"], known, "validation")
    asked = {record.row_id for record in calibration.evaluated.records}
    own = [example for example in dataset.splits["calibration"] if example.row_id in asked]
    few = sum(not one.score.exact for one in outside) < ENOUGH_WRONG
    least = DIVIDED_FROM * minimum_calibration_n(section.max_error, section.delta)
    learning = _half(own) if few and _by_tokens(calibration.evaluated) and len(own) >= least else frozenset()
    session.begin(STAGE, "learn which fields are right, on documents that do not certify the bound")

    def work(folder: Path) -> dict[str, Any]:
        inside = [one for one in _labelled(calibration, own, known, "calibration") if one.row_id in learning]
        found = fit_confidence(
            [*outside, *inside],
            task.output,
            task=task.name,
            arm=calibration.evaluated.evaluation.arm.name,
            known=known,
            habits=habits_of([one.target for one in train], task.output),
            second_look=calibration.name,
        )
        if found is not None:
            write_json(folder / FILE, found.model_dump(mode="json"))
        return {"learned": found is not None, "reason": _reason(found, len(learning), len(own))}

    behind = [*dataset.splits["validation"], *own]
    spec = _spec(task, calibration, validation, train, behind, learning)
    run = session.done(session.project.runs.run(spec, work), "learn the confidence of fields")
    session.display.note(run.result["reason"])
    confidence = load(run.path / FILE) if run.result["learned"] else None
    return Learned(run, confidence, frozenset(asked - learning), run.result["reason"])


def _spec(
    task: Task,
    calibration: Looked,
    validation: Looked | None,
    train: Sequence[Example],
    behind: Sequence[Example],
    learning: frozenset[str],
) -> StageSpec:
    return StageSpec(
        stage=STAGE,
        version=VERSION,
        inputs={
            "calibration": _identity(calibration),
            "validation": _identity(validation) if validation else "",
            "train": digest([(one.input, one.target) for one in train]),
            "labels": digest([(one.row_id, one.provenance.from_teacher) for one in behind]),
        },
        config={
            "task": task.name,
            "output": task.output.model_dump(mode="json"),
            "features": FEATURES,
            "learning": sorted(learning),
        },
        seed=0,
        libraries=LIBRARIES,
    )


def _identity(looked: Looked) -> str:
    second = {row: one.text for row, one in looked.second.items()}
    return digest([looked.evaluated.run.digest, looked.name, second])


def _half(examples: Sequence[Example]) -> frozenset[str]:
    """Return the row ids of one half of the documents; a group is in one half."""
    fold = folds_of(units_of(examples), 2)
    return frozenset(one.row_id for one, part in zip(examples, fold.tolist(), strict=True) if part == 1)


def _by_tokens(evaluated: Evaluated) -> bool:
    return any(one.completion and one.completion.field_evidence for one in evaluated.records)


def _labelled(
    looked: Looked | None, examples: Sequence[Example], known: KnownText, source: str
) -> list[LabelledAnswer]:
    """Return the answers that can teach; where there is a second look, each has to have one."""
    if looked is None:
        return []
    records = {record.row_id: record for record in looked.evaluated.records}
    found = [
        _answer(example, record, unit, source, known.novelty(example.input))
        for example, unit in zip(examples, units_of(examples), strict=True)
        if (record := records.get(example.row_id))
    ]
    labelled = [one._replace(second=looked.second.get(one.row_id)) for one in found if one]
    return [one for one in labelled if one.second is not None or not looked.name]


def _answer(
    example: Example, record: EvalRecord, unit: str, source: str, novelty: float
) -> LabelledAnswer | None:
    completion, score = record.completion, record.score
    if completion is None or score is None:
        return None
    completion = completion.model_copy(update={"confidence": record.confidence})
    if not usable(completion, score):
        return None
    checked = not example.provenance.from_teacher
    return LabelledAnswer(example.row_id, unit, source, example.input, completion, score, novelty, checked)


def _reason(found: FieldConfidence | None, learning: int, calibration: int) -> str:
    divided = (
        f" {learning} of {calibration} calibration documents were learned from; "
        f"the other {calibration - learning} certify the bound."
        if learning
        else ""
    )
    if found is None:
        return (
            "The confidence is the one that the model states: no learned one predicts better on held-out "
            f"groups, or fewer than {LEAST_WRONG} fields are wrong (or right) to learn from.{divided}"
        )
    sources = " and ".join(f"{count} {name}" for name, count in found.documents.items())
    labels = " and ".join(f"{count} {name}" for name, count in found.labels.items())
    return (
        f"The confidence was learned on {found.fields:,} fields, {found.wrong:,} of them wrong, of {sources} "
        f"documents (labels: {labels}): {found.learner}, {found.calibration.method} curve."
        + (f" The second look is {found.second_look}." if found.second_look else "")
        + divided
    )


def measure_confidence(
    learned: Learned, test: Looked, dataset: Dataset, task: Task
) -> tuple[ConfidenceSummary, Evaluated]:
    """Return how good the confidence of the chosen arm is on its test documents, and its answers there with
    the learned confidence.
    """
    after = learned.stated(test, dataset.splits["test"], task)
    fields = field_judgements(after.records, task.output)
    found = ConfidenceSummary(
        certifying=len(learned.certifying),
        reason=learned.reason,
        fields=figures_of([one for held in fields.values() for one in held], "fields"),
        answers=figures_of(answer_judgements(after.records), "answers"),
        by_field={path: figures_of(held, path) for path, held in sorted(fields.items()) if path},
    )
    if learned.confidence is None:
        return found, after
    before = field_judgements(test.evaluated.records, task.output)
    changes = {
        "digest": learned.confidence.digest,
        "learner": learned.confidence.learner,
        "second_look": learned.confidence.second_look,
        "curve": learned.confidence.calibration.method,
        "labels": learned.confidence.labels,
        "fitted_on": learned.confidence.documents,
        "stated": figures_of([one for held in before.values() for one in held], "stated"),
    }
    return found.model_copy(update=changes), after
