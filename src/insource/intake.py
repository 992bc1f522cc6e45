"""From a source to a dataset: the first stage of the loop, with the cloud's answers joined to its rows."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from insource import arms
from insource.dataset.build import build_folder
from insource.dataset.folder import check, load
from insource.dataset.folder import examples as read_examples
from insource.dataset.sources.json_lines import JsonLines
from insource.logs.collect import Logged, collect, logged
from insource.logs.recorder import STORE_FILE
from insource.models.protocol import Model, Request
from insource.reference import confirm_cost
from insource.session import Session
from insource.store.database import open_database
from insource.types import SPLITS, Dataset, DatasetManifest, Example, Split, Task


def build_dataset(session: Session, cloud: Model | None = None) -> tuple[Dataset, Task]:
    """Rows in, four splits out, with the cloud's answers from the log; ``cloud`` is asked for the rest."""
    folder, manifest = build_dataset_folder(session, cloud)
    return load(folder), session.project.task(manifest.output)


def build_dataset_folder(session: Session, cloud: Model | None = None) -> tuple[Path, DatasetManifest]:
    """As ``build_dataset``, left on disk: for datasets that do not fit in memory."""
    answers = Logged({}, frozenset())
    store = session.project.workspace / STORE_FILE
    if cloud is not None or store.exists():
        with tempfile.TemporaryDirectory(dir=_made(session.project.workspace)) as scratch:
            answers = _cloud_answers(session, _build(session, answers, Path(scratch)), cloud)
    session.begin("dataset", "rows into four splits, nothing lost silently")
    started = time.monotonic()
    folder = _build(session, answers, session.project.workspace / "datasets")
    manifest = check(folder)
    session.note_dataset(manifest, folder, time.monotonic() - started)
    return folder, manifest


def _cloud_answers(session: Session, folder: Path, cloud: Model | None) -> Logged:
    """The log's answers to the documents of a dataset; ``cloud`` is asked for those it does not have."""
    task = session.project.task(check(folder).output)
    examples = [example for split in SPLITS for example in read_examples(folder, split)]

    def ask(example: Example) -> Request:
        return Request(messages=arms.described(task, example), max_tokens=arms.CLOUD_MAX_TOKENS)

    if cloud is not None:
        ask_cloud(session, examples, ask, task, cloud)
    with open_database(session.project.workspace / STORE_FILE) as database:
        return logged(database, examples, ask, task=task.name)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _build(session: Session, answers: Logged, datasets_dir: Path) -> Path:
    section, project = session.config.dataset, session.project
    fractions: dict[Split, float] = {
        "validation": section.validation,
        "calibration": section.calibration,
        "test": section.test,
    }
    fractions["train"] = 1 - sum(fractions.values())
    return build_folder(
        JsonLines(project.rows_path, project.schemas()),
        datasets_dir,
        name=session.config.task.name,
        output=project.given_output(),
        fractions=fractions,
        seed=session.config.project.seed,
        absent_fields=session.config.task.absent_fields,
        on_bad_rows=section.on_bad_rows,
        simulated_models=answers.simulated,
        logged=answers.answers,
    )


def ask_cloud(
    session: Session,
    examples: Sequence[Example],
    ask: Callable[[Example], Request],
    task: Task,
    cloud: Model,
) -> None:
    """Every document to the cloud, through the recorder into the log."""
    simulated = " (simulated)" if cloud.info.simulated else ""
    session.begin("log", f"asking {cloud.info.name}{simulated}, every call on the record")
    started = time.monotonic()
    with session.recorder() as recorder:
        refused = collect(
            cloud,
            examples,
            ask,
            recorder,
            task=task.name,
            prices=session.config.prices.models,
            confirm=lambda pending: confirm_cost(session, cloud, task, pending),
            progress=lambda done, total: session.display.progress("calls", done, total),
        )
    if refused:
        session.display.note(f"{cloud.info.name} refused {refused} documents; they have no answer")
    session.note_stage("log", started, digest_of=[cloud.info.name, [e.digest for e in examples]])
