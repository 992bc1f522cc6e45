"""Say what a policy is certified for: how the calibration documents were asked, and what answered them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from insource.dataset.rows.records import BadRow
from insource.dataset.sources.calls import SOURCE
from insource.dataset.sources.conversation import asked
from insource.foundation.canonical import file_digest
from insource.logs.query import Log
from insource.logs.recorder import STORE_FILE
from insource.routing.ways.certified import certified, files_changed, with_prompts
from insource.types import Call, Example, RunResult, Served, Task
from insource.types.certified import Certified
from insource.workflow.session import Session


def certified_by(session: Session, task: Task, examples: Sequence[Example]) -> Certified:
    """Return what a policy that is fitted on these calibration documents is certified for.

    Documents from the log bring the system message, the format and the prompt version of their call; other
    rows bring the prompt that is recorded with a cloud's answer.
    """
    calls = list(_calls_of(session, examples))
    recorded = (call.prompt for example in examples for call in example.cloud_calls.values())
    versions = {example.provenance.prompt_version for example in examples}
    return certified(task, [*recorded, *_prompts(calls)], list(_schemas(calls)), versions)


def files_of(runs: Path, result: RunResult) -> dict[str, str]:
    """Return the digests of the files with which the model of a run answers, by name.

    A file that is gone has none; opening the model says so.
    """
    if result.served is not None and result.served.kind != "engine":
        return dict(_files_in(runs, result.served, result))
    return dict(_engine_files(result))


def still_certified(session: Session, task: Task, result: RunResult) -> tuple[Certified, str]:
    """Return what the policy of a run is certified for, and what of its model is not as it was then.

    A run that did not keep it was certified for its own instruction and schema.
    """
    kept = result.routing.certified if result.routing else None
    known = with_prompts(kept or certified(task), session.config.routing.prompts)
    return known, files_changed(known, files_of(session.project.runs.folder, result))


def _calls_of(session: Session, examples: Iterable[Example]) -> Iterator[Call]:
    ids = [example.row_id for example in examples if example.provenance.source == SOURCE]
    if not ids or not (session.project.workspace / STORE_FILE).exists():
        return
    with Log(session.project.workspace) as log:
        for call_id in ids:
            if (call := log.get(call_id)) is not None:
                yield call


def _prompts(calls: Iterable[Call]) -> Iterator[str]:
    for call in calls:
        try:
            yield asked(call.request, "last").prompt
        except BadRow:
            continue


def _schemas(calls: Iterable[Call]) -> Iterator[dict[str, Any]]:
    seen = set()
    for call in calls:
        asked_for = call.request.get("response_format")
        named = asked_for.get("json_schema") if isinstance(asked_for, dict) else None
        schema = named.get("schema") if isinstance(named, dict) else None
        if isinstance(schema, dict) and (text := repr(schema)) not in seen:
            seen.add(text)
            yield schema


def _files_in(runs: Path, served: Served, result: RunResult) -> Iterator[tuple[str, str]]:
    if served.kind == "engine":
        yield from _engine_files(result)
    for part in served.parts:
        yield from _files_in(runs, part, result)
    if served.folder:
        folder = runs / served.folder
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                yield f"{served.arm}: {path.relative_to(folder).as_posix()}", file_digest(path)
    if served.kind == "prompted":
        yield "base model", result.base_digest


def _engine_files(result: RunResult) -> Iterator[tuple[str, str]]:
    yield "base model", result.base_digest
    for name in ("adapter", "grounding"):
        path = Path(result.paths.get(name, ""))
        if result.paths.get(name) and path.is_file():
            yield name, file_digest(path)
