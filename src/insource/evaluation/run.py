"""Evaluate one arm on a list of documents. A journal keeps each answer, so no document is asked twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

from insource.foundation.errors import InsourceError, ProviderError
from insource.foundation.files import sync
from insource.models.protocol import Model, Request
from insource.models.replay import CALL_FAILED
from insource.types import Completion, EvalRecord, Example, Score

Scorer = Callable[[Example, Completion], Score]
Confidence = Callable[[Example, Completion], float | None]
MAX_FAILURES_IN_A_ROW = 5
ENGINE_GONE = frozenset({"engine-died", "engine-failed", "engine-unreachable"})


class Progress(NamedTuple):
    """The progress of an arm: documents done and in total, and the seconds of the last answer."""

    done: int
    total: int
    last_s: float | None


def evaluate(
    model: Model,
    examples: Sequence[Example],
    ask: Callable[[Example], Request],
    scorer: Scorer,
    *,
    journal: Path,
    groups_in_train: frozenset[str] = frozenset(),
    confidence: Confidence = lambda example, completion: None,
    progress: Callable[[Progress], None] = lambda progress: None,
) -> list[EvalRecord]:
    """Return one record per example, in order; ``journal`` holds those of an interrupted attempt.

    A document on which the model fails gets a ``failed`` record, which counts as a failure of the arm. The
    evaluation stops after ``MAX_FAILURES_IN_A_ROW`` consecutive failures, those of replayed calls aside.

    Raises:
        ProviderError: ``model-keeps-failing``, or the engine's own error when it cannot be kept running.
    """
    known = read_journal(journal)
    records: list[EvalRecord] = []
    # Failures are written only when an answer follows: an outage is not the model's fault
    streak: list[EvalRecord] = []
    with journal.open("a", encoding="utf-8") as file:
        for index, example in enumerate(examples):
            record = known.get(example.row_id)
            if record is None:
                record = _record(model, example, ask, scorer, confidence, groups_in_train)
                streak.append(record)
                if record.status != "failed" or record.reason.startswith(f"{CALL_FAILED}:"):
                    _write(file, streak)
                elif len(streak) >= MAX_FAILURES_IN_A_ROW:
                    raise ProviderError(
                        "model-keeps-failing",
                        f"{model.info.name} failed on {len(streak)} documents in a row: {record.reason}",
                        hint="Finished answers are kept. Fix the cause and run the same command again.",
                    )
            records.append(record)
            last = record.completion.latency_s if record.completion else None
            progress(Progress(index + 1, len(examples), last))
        _write(file, streak)
        sync(file)
    return records


def _write(file: TextIO, streak: list[EvalRecord]) -> None:
    for record in streak:
        file.write(record.model_dump_json() + "\n")
    file.flush()
    streak.clear()


def _record(
    model: Model,
    example: Example,
    ask: Callable[[Example], Request],
    scorer: Scorer,
    confidence: Confidence,
    groups_in_train: frozenset[str],
) -> EvalRecord:
    seen = example.group in groups_in_train if example.group is not None and groups_in_train else None
    try:
        completion = model.generate(ask(example))
    except ProviderError as error:
        if error.code in ENGINE_GONE:
            raise
        return EvalRecord(
            row_id=example.row_id,
            group=example.group,
            group_seen=seen,
            status="failed",
            reason=f"{error.code}: {error.message}",
        )
    sure = confidence(example, completion)
    return EvalRecord(
        row_id=example.row_id,
        group=example.group,
        group_seen=seen,
        status="scored",
        # 20 candidates per token would make up most of the file
        completion=completion.model_copy(update={"tokens": ()}),
        score=scorer(example, completion),
        confidence=sure,
    )


def read_journal(path: Path) -> dict[str, EvalRecord]:
    """Return the records of a journal by row id.

    An incomplete last line, left by a killed process, is removed.

    Raises:
        InsourceError: ``journal-damaged`` for an unreadable line before the last.
    """
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    if lines[-1]:
        path.write_text("".join(line + "\n" for line in lines[:-1]), encoding="utf-8")
    records = {}
    for number, line in enumerate(lines[:-1], start=1):
        try:
            record = EvalRecord.model_validate(json.loads(line))
        except ValueError as error:
            raise InsourceError(
                "journal-damaged",
                f"Line {number} of {path} cannot be read: {error}",
                hint="Delete the file and run the command again; its documents are then asked again.",
            ) from error
        records[record.row_id] = record
    return records
