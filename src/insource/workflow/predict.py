"""Answer a file or a folder of documents with the chosen model; an interrupted run resumes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from insource.contract.answers import answer_text, read_answer
from insource.contract.validate import fits
from insource.dataset.to_answer import ToAnswer, digest_of, documents_to_answer
from insource.evaluation.run import ENGINE_GONE
from insource.foundation.canonical import digest
from insource.foundation.errors import InsourceError, UserError
from insource.foundation.files import locked, replacing, sync
from insource.models.protocol import Model
from insource.types import Dropped, JsonSchema
from insource.workflow.serve import Deployed, deployed
from insource.workflow.session import Session

BATCH = 64


class Predicted(NamedTuple):
    """What was written: documents in all, those without an answer, those read back of an earlier attempt."""

    path: Path
    documents: int
    without_answer: int
    resumed: int


def predict(session: Session, source: Path, target: Path, run: str | None = None) -> Predicted:
    """Write one line of JSON for each document of ``source``, in its order, into ``target``.

    A line has the ``id``, the ``output`` (a label, or the JSON) and its ``confidence``, or the ``error`` for
    a row that has no answer. Lines are kept in a file beside ``target`` until all are there. A later call
    with the same source and model goes on from them.

    Raises:
        UserError: ``rows-not-found``, ``target-is-source``, ``prediction-in-progress``; and as ``deployed``.
        DataError: as ``documents_to_answer``.
        ProviderError: the engine of the model cannot be kept running; finished answers are kept.
    """
    if not source.exists():
        raise UserError(
            "rows-not-found", f"There is no {source}.", hint="Name a file or a folder of documents."
        )
    if target.exists() and target.samefile(source):
        raise UserError(
            "target-is-source",
            f"The answers would replace the documents in {source}.",
            hint="Name another file with --to.",
        )
    found = deployed(session, run)
    kept = target.with_name(f".{target.name}.predicted")
    head = json.dumps(_identity(session, found, source))
    kept.parent.mkdir(parents=True, exist_ok=True)
    try:
        with locked(kept.with_suffix(".lock"), wait=False):
            resumed = _kept_lines(kept, head)
            _answer_rest(session, found, source, kept, resumed)
            counts = _finish(kept, target)
    except BlockingIOError as error:
        raise UserError(
            "prediction-in-progress",
            f"Another process is writing {target}.",
            hint="Wait for it, or name another file with --to.",
        ) from error
    kept.with_suffix(".lock").unlink(missing_ok=True)
    return Predicted(target, *counts, resumed)


def _identity(session: Session, found: Deployed, source: Path) -> dict[str, Any]:
    """Return what decides the lines: the model, the source, and how its rows are read."""
    reading = session.config.dataset.model_dump(include={"columns", "encoding", "delimiter", "quote"})
    return {
        "run": found.result.run_id,
        "model": found.name,
        "source": digest_of(source),
        "reading": digest(reading),
    }


def _kept_lines(kept: Path, head: str) -> int:
    """Return how many answers an interrupted call left; what is of another ``head`` is removed."""
    # A killed process may have left part of a character.
    lines = kept.read_text(encoding="utf-8", errors="replace").split("\n") if kept.exists() else []
    if len(lines) < 2 or lines[0] != head:
        kept.write_text(f"{head}\n", encoding="utf-8")
        return 0
    if lines[-1]:  # a killed process left part of a line
        kept.write_text("".join(f"{line}\n" for line in lines[:-1]), encoding="utf-8")
    return len(lines) - 2


def _answer_rest(session: Session, found: Deployed, source: Path, kept: Path, resumed: int) -> None:
    documents = islice(documents_to_answer(source, session.config.dataset), resumed, None)
    done = resumed
    with found.open() as opened, kept.open("a", encoding="utf-8") as file:
        answered = partial(_answered, found, opened.model)
        with ThreadPoolExecutor(found.slots) as threads:
            for batch in _batches(documents):
                for line in threads.map(answered, batch):
                    text = json.dumps(line, ensure_ascii=False)
                    file.write(text.encode("utf-8", "replace").decode() + "\n")
                sync(file)
                done += len(batch)
                session.display.progress("documents answered", done, done)


def _batches(documents: Iterator[ToAnswer | Dropped]) -> Iterator[list[ToAnswer | Dropped]]:
    while batch := list(islice(documents, BATCH)):
        yield batch


def _answered(found: Deployed, model: Model, document: ToAnswer | Dropped) -> dict[str, Any]:
    if isinstance(document, Dropped):
        return {"id": document.row_id, "error": f"{document.reason}: {document.detail}"}
    try:
        completion = model.generate(found.ask(document.text))
        sure = completion.confidence
        sure = found.confidence(completion) if sure is None else sure
    except InsourceError as error:
        if error.code in ENGINE_GONE:
            raise
        return {"id": document.row_id, "error": f"{error.code}: {error.message}"}
    except Exception as error:  # one document that a model stumbles over does not end the others
        return {"id": document.row_id, "error": f"model-failed: {type(error).__name__}: {error}"}
    output = found.task.output
    read = read_answer(completion.text, output)
    if not read.parsed or (isinstance(output, JsonSchema) and not fits(read.value, output.definition)):
        problem = "answer-does-not-fit: the answer does not fit the output contract"
        return {"id": document.row_id, "error": problem, "answer": answer_text(completion.text, output)}
    line = {"id": document.row_id, "output": read.value, "confidence": sure}
    fields = completion.field_confidences
    return line | ({"field_confidences": fields} if fields else {})


def _finish(kept: Path, target: Path) -> tuple[int, int]:
    """Give the lines their place; return how many there are, and how many of them are errors."""
    documents = without = 0
    with kept.open(encoding="utf-8") as file, replacing(target) as written:
        next(file)
        for line in file:
            documents += 1
            without += "error" in json.loads(line)
            written.write(line)
    kept.unlink()
    return documents, without
