"""Answer files and folders of documents with the chosen model; an interrupted run resumes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

from insource.contract.answers import answer_text, read_answer
from insource.contract.validate import fits
from insource.dataset.to_answer import ToAnswer, digest_of, documents_in, documents_to_answer, reads
from insource.evaluation.run import ENGINE_GONE
from insource.formats.flat_csv import write_csv
from insource.foundation.canonical import digest
from insource.foundation.errors import InsourceError, UserError
from insource.foundation.files import locked, replacing, sync
from insource.foundation.in_order import in_order
from insource.models.protocol import Model
from insource.types import Dropped, JsonSchema
from insource.workflow.deployed import Deployed
from insource.workflow.serve import deployed
from insource.workflow.session import Session

Form = Literal["jsonl", "csv"]
BATCH = 64  # answers between two synchronisations with the disk
COLUMNS = ("source", "id", "output", "confidence", "field_confidences", "error", "answer")


class Predicted(NamedTuple):
    """What was written: documents in all, those without an answer, those read back of an earlier attempt.

    ``per_second`` is how many documents this call answered in a second, None if it answered none.
    """

    path: Path
    documents: int
    without_answer: int
    resumed: int
    per_second: float | None


class _Asked(NamedTuple):
    """A document, and the name of its source where there are several."""

    source: str | None
    document: ToAnswer | Dropped


def predict(
    session: Session,
    sources: Mapping[str, Path],
    target: Path,
    run: str | None = None,
    form: Form = "jsonl",
    arm: str | None = None,
) -> Predicted:
    """Write one line for each document of ``sources`` (paths by name), in their order, into ``target``.

    The arm that ``run`` chose answers, or ``arm``.

    A line has the ``id``, the ``output`` (a label, or the JSON) and its ``confidence``, or the ``error`` for
    a row that has no answer; with several sources, also the name of its ``source``. Lines are kept in a file
    beside ``target`` until all are there. A later call with the same sources and model goes on from them.

    Raises:
        UserError: ``rows-not-found``, ``target-is-source``, ``prediction-in-progress``; and as ``deployed``.
        DataError: as ``documents_to_answer``.
        ProviderError: the engine of the model cannot be kept running; finished answers are kept.
    """
    _verify(sources, target)
    sources = _each_once(session, sources)
    found = deployed(session, run, arm=arm)
    kept = target.with_name(f".{target.name}.predicted")
    head = json.dumps(_identity(session, found, sources))
    kept.parent.mkdir(parents=True, exist_ok=True)
    try:
        with locked(kept.with_suffix(".lock"), wait=False):
            resumed = _kept_lines(kept, head)
            rate = _answer_rest(session, found, sources, kept, resumed)
            counts = _finish(kept, target, form)
    except BlockingIOError as error:
        raise UserError(
            "prediction-in-progress",
            f"Another process is writing {target}.",
            hint="Wait for it, or name another file with --to.",
        ) from error
    kept.with_suffix(".lock").unlink(missing_ok=True)
    return Predicted(target, *counts, resumed, rate)


def _verify(sources: Mapping[str, Path], target: Path) -> None:
    for source in sources.values():
        if not source.exists():
            raise UserError(
                "rows-not-found", f"There is no {source}.", hint="Name files or folders of documents."
            )
        if target.exists() and target.samefile(source):
            raise UserError(
                "target-is-source",
                f"The answers would replace the documents in {source}.",
                hint="Name another file with --to.",
            )


def _each_once(session: Session, sources: Mapping[str, Path]) -> dict[str, Path]:
    """Return the sources without those that another one already has; say which those are."""
    kept: dict[str, Path] = {}
    for name, path in sources.items():
        others = [other for other in sources if other != name]
        around = [
            other
            for other in others
            if (other in kept and sources[other].samefile(path)) or reads(sources[other], path)
        ]
        if around:
            session.display.note(f"{name} is answered once: it is also part of {around[0]}")
        else:
            kept[name] = path
    return kept


def _identity(session: Session, found: Deployed, sources: Mapping[str, Path]) -> dict[str, Any]:
    """Return what decides the lines: the model, the sources, and how their rows are read."""
    reading = session.config.dataset.model_dump(include={"columns", "encoding", "delimiter", "quote"})
    return {
        "run": found.result.run_id,
        "model": found.name,
        "arm": found.result.served.arm if found.result.served else "",
        "sources": [[name if len(sources) > 1 else "", digest_of(path)] for name, path in sources.items()],
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


def _answer_rest(
    session: Session, found: Deployed, sources: Mapping[str, Path], kept: Path, resumed: int
) -> float | None:
    """Append the missing lines; return how many a second."""
    section = session.config.dataset
    total = sum(documents_in(path, section) for path in sources.values())
    rest = islice(_documents(session, sources), resumed, None)
    done, rate = resumed, None
    with found.open() as opened, kept.open("a", encoding="utf-8") as file:
        started = time.monotonic()
        for line in in_order(rest, partial(_answered, found, opened.model), found.slots):
            text = json.dumps(line, ensure_ascii=False)
            file.write(text.encode("utf-8", "replace").decode() + "\n")
            file.flush()  # a killed process loses no answer that it has counted
            done += 1
            if done % BATCH == 0:
                sync(file)
            rate = (done - resumed) / max(time.monotonic() - started, 1e-9)
            session.display.progress(f"documents answered, {rate:,.1f}/s", done, total)
        sync(file)
    return rate


def _documents(session: Session, sources: Mapping[str, Path]) -> Iterator[_Asked]:
    for name, path in sources.items():
        for document in documents_to_answer(path, session.config.dataset):
            yield _Asked(name if len(sources) > 1 else None, document)


def _answered(found: Deployed, model: Model, asked: _Asked) -> dict[str, Any]:
    document = asked.document
    line: dict[str, Any] = {} if asked.source is None else {"source": asked.source}
    line["id"] = document.row_id
    if isinstance(document, Dropped):
        return line | {"error": f"{document.reason}: {document.detail}"}
    try:
        completion = found.judge(model.generate(found.ask(document.text)))
    except InsourceError as error:
        if error.code in ENGINE_GONE:
            raise
        return line | {"error": f"{error.code}: {error.message}"}
    except Exception as error:  # one document that a model stumbles over does not end the others
        return line | {"error": f"model-failed: {type(error).__name__}: {error}"}
    output = found.task.output
    read = read_answer(completion.text, output)
    if not read.parsed or (isinstance(output, JsonSchema) and not fits(read.value, output.definition)):
        problem = "answer-does-not-fit: the answer does not fit the output contract"
        return line | {"error": problem, "answer": answer_text(completion.text, output)}
    line |= {"output": read.value, "confidence": completion.confidence}
    fields = completion.field_confidences
    return line | ({"field_confidences": fields} if fields else {})


def _finish(kept: Path, target: Path, form: Form) -> tuple[int, int]:
    """Give the lines their place; return how many there are, and how many of them are errors."""
    documents = without = 0
    for line in _lines(kept):
        documents += 1
        without += "error" in json.loads(line)
    with replacing(target) as written:
        if form == "csv":
            write_csv(lambda: (_folded(json.loads(line)) for line in _lines(kept)), written, COLUMNS)
        else:
            written.writelines(_lines(kept))
    kept.unlink()
    return documents, without


def _lines(kept: Path) -> Iterator[str]:
    """Yield the answers of a kept file, without its head."""
    with kept.open(encoding="utf-8") as file:
        next(file)
        yield from file


def _folded(line: dict[str, Any]) -> dict[str, Any]:
    """Return a line with one confidence for each list, the least of its items: a list is one cell."""
    folded: dict[str, float] = {}
    for path, sure in line.get("field_confidences", {}).items():
        column = path.split("[")[0]
        folded[column] = min(sure, folded.get(column, 1.0))
    return line | ({"field_confidences": folded} if folded else {})
