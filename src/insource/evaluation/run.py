"""Evaluate one arm on a list of documents. A journal keeps each answer, so no document is asked twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

from insource.evaluation.answers import Answers, KeptAnswer
from insource.foundation.errors import InsourceError, ProviderError
from insource.foundation.files import sync
from insource.foundation.in_order import in_order
from insource.models.protocol import Model, Request
from insource.models.replay import CALL_FAILED
from insource.types import Completion, EvalRecord, Example, Score

Scorer = Callable[[Example, Completion], Score]
Confidence = Callable[[Example, Completion], float | None]
MAX_FAILURES_IN_A_ROW = 5
ENGINE_GONE = frozenset({"engine-died", "engine-failed", "engine-unreachable"})


def never(records: Sequence[EvalRecord]) -> str:
    """Go on to the last document, whatever the records say."""
    return ""


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
    answers: Answers | None = None,
    workers: int = 1,
    hopeless: Callable[[Sequence[EvalRecord]], str] = never,
) -> list[EvalRecord]:
    """Return one record per example, in order; ``journal`` holds those of an interrupted attempt.

    A document on which the model fails gets a ``failed`` record, which counts as a failure of the arm, and so
    does one whose answer was cut, blocked, refused or empty. The evaluation stops after
    ``MAX_FAILURES_IN_A_ROW`` consecutive calls without an answer, those of replayed calls aside, and without
    an error when ``hopeless`` gives a reason; the records are then those so far. ``answers`` holds those of
    other evaluations, and gets the new ones. At most ``workers`` calls are in flight at once.

    Raises:
        ProviderError: ``model-keeps-failing``, or the engine's own error when it cannot be kept running.
    """
    known = read_journal(journal)
    records: list[EvalRecord] = []
    # Failures are written only when an answer follows: an outage is not the model's fault
    streak: list[EvalRecord] = []

    def answer(example: Example) -> KeptAnswer | ProviderError:
        return _answer(model, example, ask, confidence, answers)

    answered = in_order([one for one in examples if one.row_id not in known], answer, workers)
    with journal.open("a", encoding="utf-8") as file:
        for example in examples:
            if (record := known.get(example.row_id)) is None:
                record = _record(example, next(answered), scorer, groups_in_train)
                streak.append(record)
                if record.completion is not None or record.reason.startswith(f"{CALL_FAILED}:"):
                    _write(file, streak)
                elif len(streak) >= MAX_FAILURES_IN_A_ROW:
                    answered.close()
                    raise ProviderError(
                        "model-keeps-failing",
                        f"{model.info.name} failed on {len(streak)} documents in a row: {record.reason}",
                        hint="Finished answers are kept. Fix the cause and run the same command again.",
                    )
            records.append(record)
            last = record.completion.latency_s if record.completion else None
            progress(Progress(len(records), len(examples), last))
            if hopeless(records):
                break
        _write(file, streak)
        sync(file)
    return records


def _answer(
    model: Model,
    example: Example,
    ask: Callable[[Example], Request],
    confidence: Confidence,
    answers: Answers | None,
) -> KeptAnswer | ProviderError:
    request = ask(example)
    if answers and (kept := answers.get(request)):
        return kept
    try:
        completion = model.generate(request)
    except ProviderError as error:
        return error
    # 20 candidates per token would make up most of the file
    answer = KeptAnswer(completion.model_copy(update={"tokens": ()}), confidence(example, completion))
    if answers and not model.info.replayed:
        answers.keep(request, answer)
    return answer


def _write(file: TextIO, streak: list[EvalRecord]) -> None:
    for record in streak:
        file.write(record.model_dump_json() + "\n")
    file.flush()
    streak.clear()


def _record(
    example: Example,
    answer: KeptAnswer | ProviderError,
    scorer: Scorer,
    groups_in_train: frozenset[str],
) -> EvalRecord:
    seen = example.group in groups_in_train if example.group is not None and groups_in_train else None
    if isinstance(answer, ProviderError):
        if answer.code in ENGINE_GONE:
            raise answer
        return EvalRecord(
            row_id=example.row_id,
            group=example.group,
            group_seen=seen,
            status="failed",
            reason=f"{answer.code}: {answer.message}",
        )
    score = scorer(example, answer.completion)
    return EvalRecord(
        row_id=example.row_id,
        group=example.group,
        group_seen=seen,
        status="failed" if score.failure else "scored",
        reason=score.failure,
        completion=answer.completion,
        score=score,
        confidence=answer.confidence,
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
