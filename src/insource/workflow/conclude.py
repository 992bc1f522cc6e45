"""Keep what a run found as one versioned document, and render its report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from insource.contract.answers import answer_text
from insource.decision.cost import priced
from insource.evaluation.stage import Evaluated
from insource.export.stage import parity as parity_of
from insource.export.stage import served_file
from insource.foundation.canonical import digest
from insource.foundation.clock import iso
from insource.foundation.files import sync_folder, write_json
from insource.foundation.ids import run_id
from insource.foundation.version import __version__
from insource.report.render import write_report
from insource.runs.folders import MANIFEST, installed
from insource.runs.result import REPORT_FILE, RESULT_FILE, STAGE
from insource.training.stage import summary
from insource.types import (
    Dataset,
    Disagreement,
    Frozen,
    RoutingSummary,
    RunResult,
    Task,
)
from insource.types.choice import Choice
from insource.types.comparison import Registration
from insource.workflow.certify import files_of
from insource.workflow.decide import Decided
from insource.workflow.dissect import Parts
from insource.workflow.export import Made
from insource.workflow.judge import Judged
from insource.workflow.machine import machine
from insource.workflow.retention import retention_of
from insource.workflow.route import Calibrated
from insource.workflow.routed import routing_of
from insource.workflow.session import Session
from insource.workflow.step_ladder import ladder_of

SHOWN_DISAGREEMENTS = 12
PACKAGES = ("torch", "transformers", "peft", "trl", "gguf", "xllamacpp", "llguidance", "numpy", "scipy")


class Findings(NamedTuple):
    """The values of all stages, before they become a document."""

    dataset: Dataset
    task: Task
    made: Made
    choice: Choice | None
    registration: Registration | None
    evaluated: tuple[Evaluated, ...]
    judged: Judged
    parts: Parts
    calibrated: Calibrated | None
    decided: Decided


def keep(session: Session, result: RunResult) -> RunResult:
    """Write the result and its report into a run folder; the manifest comes last, then the rename."""
    runs = session.project.runs.folder
    result = result.model_copy(
        update={"stages": tuple(session.stages), "finished_at": iso(session.clock.now())}
    )
    partial = runs / f".{result.run_id}.partial"
    partial.mkdir(parents=True, exist_ok=True)
    write_json(partial / RESULT_FILE, result.model_dump(mode="json"))
    write_report(result, partial / REPORT_FILE)
    manifest = {
        "schema_version": 1,
        "run_id": result.run_id,
        "stage": STAGE,
        "key": _key(session),
        "started_at": result.started_at,
        "finished_at": result.finished_at,
        "seconds": round((session.clock.now() - session.started).total_seconds(), 3),
        "insource": __version__,
        "outputs": [],
        "result": {"verdict": result.verdict.outcome, "sentence": result.verdict.sentence},
    }
    write_json(partial / MANIFEST, manifest)
    partial.rename(runs / result.run_id)
    sync_folder(runs)
    return result


def _key(session: Session) -> str:
    return digest([session.config.model_dump_json(), session.look_id])  # a limit may be infinite


def assemble(session: Session, found: Findings, *, test_looks: int) -> RunResult:
    """Return the result as one document, before it is written."""
    folder = session.project.runs.folder / (name := run_id(STAGE, session.started, _key(session)))
    manifest, task, choice = found.dataset.manifest, found.task, found.choice
    calibrated, training = found.calibrated, found.made.trained.digest
    result = RunResult(
        **_of_session(session),
        **_of_comparisons(found.judged, found.parts),
        run_id=name,
        task=task.name,
        instruction=task.instruction,
        verdict=found.decided.decision.verdict,
        dataset=manifest,
        training=summary(found.made.trained),
        parity=parity_of(found.made.exported),
        choice=choice,
        registration=found.registration,
        served=calibrated.served if calibrated else None,
        servable=calibrated.servable if calibrated else (),
        evaluations=tuple(priced(session.config.decision, one) for one in found.evaluated),
        break_even=found.decided.economics,
        decision=found.decided.decision.model_copy(update={"result": name}),
        routing=_routing(session, found),
        disagreements=disagreements(found.dataset, found.evaluated, choice.candidate if choice else None),
        base_digest=found.made.local.base.digest,
        max_new_tokens=found.made.local.max_new_tokens,
        test_looks=test_looks,
        step_ladder=ladder_of(session.project.runs, training),
        retention=retention_of(session.project.runs, training),
        paths={
            "run": str(folder),
            "report": str(folder / REPORT_FILE),
            "result": str(folder / RESULT_FILE),
            "adapter": str(served_file(found.made.exported)),
            **({"grounding": str(found.made.grounding)} if found.made.grounding else {}),
            **({"confidence": str(file)} if (file := confidence_file(calibrated)) else {}),
            "log": str(session.project.workspace),
        },
        digests={
            "dataset": manifest.digest,
            "training": training,
            "export": found.made.exported.digest,
            **_confidence_digest(calibrated),
        },
    )
    return _with_files(session, result)


def _with_files(session: Session, result: RunResult) -> RunResult:
    """Return the result with the digests of the files with which its model answers."""
    if result.routing is None or result.routing.certified is None:
        return result
    files = files_of(session.project.runs.folder, result)
    certified = result.routing.certified.model_copy(update={"files": files})
    return result.model_copy(update={"routing": result.routing.model_copy(update={"certified": certified})})


def _routing(session: Session, found: Findings) -> RoutingSummary | None:
    if found.calibrated is None:
        return None
    calibrated = found.calibrated
    summary = routing_of(session, found.dataset, found.task, calibrated, found.evaluated, found.choice)
    ways = {
        "confidence": calibrated.confidence,
        "certified": calibrated.certified,
        "fields": calibrated.fields,
        "second_look": session.config.routing.second_look,
    }
    return summary.model_copy(update=ways)


def _confidence_digest(calibrated: Calibrated | None) -> dict[str, str]:
    """Return the digest of the learned confidence: it is a part of what was certified."""
    found = calibrated.confidence if calibrated is not None else None
    return {"confidence": found.digest} if found is not None and found.digest else {}


def confidence_file(calibrated: Calibrated | None) -> Path | None:
    """Return the file of the learned confidence, None where the model's own is used."""
    return calibrated.learned.file if calibrated is not None and calibrated.learned is not None else None


def with_measured(session: Session, result: RunResult, **parts: Frozen) -> RunResult:
    """Return the result of a run with what was measured since, by the names of its fields.

    It has a new name: finished runs are not changed.
    """
    added = {name: part.model_dump(mode="json") for name, part in parts.items()}
    name = run_id(STAGE, session.started, digest([result.run_id, added]))
    paths = {key: path.replace(result.run_id, name) for key, path in result.paths.items()}
    return result.model_copy(
        update={**parts, "run_id": name, "paths": paths, "started_at": iso(session.started)}
    )


def _of_session(session: Session) -> dict[str, Any]:
    return {
        "insource_version": __version__,
        "title": session.project.title,
        "started_at": iso(session.started),
        "finished_at": iso(session.clock.now()),
        "command": session.command,
        "seed": session.config.project.seed,
        "machine": machine(),
        "skipped_arms": dict(session.skipped_arms),
        "stages": tuple(session.stages),
        "packages": {package: installed(package) for package in PACKAGES},
    }


def _of_comparisons(judged: Judged, parts: Parts) -> dict[str, Any]:
    return {
        "comparisons": judged.comparisons,
        "fairness": judged.fairness,
        "error_mixes": judged.mixes,
        "gold": judged.gold,
        "ceiling": judged.ceiling,
        "slices": parts.slices,
        "break_points": parts.break_points,
        "added": parts.added,
    }


def disagreements(
    dataset: Dataset, evaluated: Sequence[Evaluated], chosen: str | None
) -> tuple[Disagreement, ...]:
    """Return the test documents that the chosen arm did worst on, with every arm's answer to them."""
    candidate = next((one for one in evaluated if one.evaluation.arm.name == chosen), None)
    if candidate is None:
        return ()
    wrong = [r for r in candidate.records if r.score is None or not r.score.exact]
    wrong.sort(key=lambda r: (r.score.field_accuracy or 0.0) if r.score else -1.0)
    examples = {example.row_id: example for example in dataset.splits["test"]}
    answers: dict[str, dict[str, str]] = {}
    for one in evaluated:
        for record in one.records:
            if record.completion is not None:
                text = answer_text(record.completion.text, dataset.manifest.output)
                answers.setdefault(record.row_id, {})[one.evaluation.arm.name] = text
    return tuple(
        Disagreement(
            row_id=record.row_id,
            input=examples[record.row_id].input,
            target=examples[record.row_id].target,
            answers=answers.get(record.row_id, {}),
            explanation=record.score.explanation if record.score else record.reason,
        )
        for record in wrong[:SHOWN_DISAGREEMENTS]
    )
