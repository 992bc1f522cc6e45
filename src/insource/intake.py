"""From a source to a dataset: the first stage of the loop, with the cloud's answers joined to its rows."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from pathlib import Path

from insource import arms
from insource.dataset.build import build_folder
from insource.dataset.checks.check import Context
from insource.dataset.checks.fixes import read_decisions
from insource.dataset.checks.sensitive_data import PersonalData, Secrets
from insource.dataset.review.decisions import read_reviews
from insource.dataset.rows.examples import sealed
from insource.dataset.rows.source import Source
from insource.dataset.rows.staged import Staged
from insource.dataset.rows.teacher_policy import read_policy
from insource.dataset.saved.folder import MANIFEST, check, load, newest_first
from insource.dataset.saved.folder import examples as read_examples
from insource.dataset.saved.sufficiency import Needs
from insource.dataset.sources.choose import Chosen, choose_source
from insource.dataset.sources.joined import Joined
from insource.dataset.sources.json_lines import JsonLines
from insource.logs.collect import Logged, collect, has_answers, logged
from insource.logs.recorder import STORE_FILE
from insource.models.protocol import Model, Request
from insource.redaction.pseudonyms import Pseudonyms
from insource.reference import confirm_cost
from insource.session import Session
from insource.store.database import Database, open_database
from insource.store.looks import Looked, keep_inputs, looked, record_look, without_inputs
from insource.training.count import token_counter
from insource.types import (
    SPLITS,
    Dataset,
    DatasetManifest,
    Example,
    OutputSpec,
    Split,
    Task,
    Text,
)

NAMING = (Secrets.name, PersonalData.name)


def build_dataset(session: Session, cloud: Model | None = None) -> tuple[Dataset, Task]:
    """Rows in, four splits out, with the cloud's answers from the log; ``cloud`` is asked for the rest."""
    folder, manifest = build_dataset_folder(session, cloud)
    return load(folder), session.project.task(manifest.output)


def build_dataset_folder(session: Session, cloud: Model | None = None) -> tuple[Path, DatasetManifest]:
    """As ``build_dataset``, left on disk: for datasets that do not fit in memory."""
    answers = Logged({}, frozenset())
    chosen = source_of(session)
    if cloud is not None or _has_answers(session):
        with tempfile.TemporaryDirectory(dir=made(session.project.workspace)) as scratch:
            built = _build(session, chosen.source, answers, Path(scratch), keep=False)
            answers = _cloud_answers(session, built, cloud)
    session.begin("dataset", "rows into four splits, nothing lost silently")
    session.display.note(f"{chosen.source.name}: {chosen.reason}")
    started = time.monotonic()
    folder = _build(session, chosen.source, answers, session.project.workspace / "datasets")
    manifest = check(folder)
    session.note_dataset(manifest, folder, time.monotonic() - started)
    return folder, manifest


def look_at_test(session: Session, test: Iterable[Example], arm: str) -> None:
    """Count a look at these test documents; the looks of one walk through the loop are one."""
    digest, inputs = sealed(test)
    with open_database(session.project.workspace / STORE_FILE) as database:
        record_look(database, digest, session.look_id, arm, inputs=inputs)


def looks_at_test(session: Session, test: Iterable[Example]) -> Looked:
    """How many walks through the loop have looked at these test documents, wherever they were then."""
    digest, inputs = sealed(test)
    store = session.project.workspace / STORE_FILE
    if not store.exists():
        return Looked(0, 0, 0)
    with open_database(store) as database:
        if unknown := without_inputs(database):
            _keep_older_inputs(database, unknown, session.project.workspace / "datasets")
        return looked(database, digest, inputs)


def _keep_older_inputs(database: Database, unknown: set[str], datasets: Path) -> None:
    """The documents of test splits that were looked at before they were kept, from their folders."""
    for folder in newest_first(datasets):
        digest = json.loads((folder / MANIFEST).read_bytes()).get("test_digest")
        if digest in unknown:
            keep_inputs(database, digest, sealed(read_examples(folder, "test"))[1])


def _cloud_answers(session: Session, folder: Path, cloud: Model | None) -> Logged:
    """The log's answers to the documents of a dataset; ``cloud`` is asked for those it does not have."""
    task = session.project.task(check(folder).output)
    examples = chain.from_iterable(read_examples(folder, split) for split in SPLITS)

    ask = cloud_prompt(task)
    if cloud is not None:
        listed = list(examples)  # what is asked one by one, for money, fits in memory
        ask_cloud(session, listed, ask, task, cloud)
        examples = chain(listed)
    with open_database(session.project.workspace / STORE_FILE) as database:
        return logged(database, examples, ask, task=task.name)


def _has_answers(session: Session) -> bool:
    store = session.project.workspace / STORE_FILE
    if not store.exists():
        return False
    with open_database(store) as database:
        return has_answers(database, task=session.config.task.name)


def source_of(session: Session) -> Chosen:
    """The project's rows, why they are read like that, and the synthetic rows made from them."""
    project = session.project
    chosen = choose_source(
        session.config.dataset,
        project.rows_path,
        workspace=project.workspace,
        task=session.config.task.name,
        schemas=project.schemas(),
    )
    if not project.synthetic_path.exists():
        return chosen
    synthetic = JsonLines(project.synthetic_path, project.schemas())
    return Chosen(Joined(chosen.source, synthetic), chosen.reason)


def made(folder: Path) -> Path:
    """The folder, made if it was not there."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _build(
    session: Session, source: Source, answers: Logged, datasets_dir: Path, *, keep: bool = True
) -> Path:
    section, project = session.config.dataset, session.project
    fractions: dict[Split, float] = {
        "validation": section.validation,
        "calibration": section.calibration,
        "test": section.test,
    }
    fractions["train"] = 1 - sum(fractions.values())
    decisions = read_decisions(project.fixes_path)
    # The key is made when it is needed, not for every project.
    named = any(name in decisions and decisions[name].decision == "apply" for name in NAMING)
    return build_folder(
        source,
        datasets_dir,
        name=session.config.task.name,
        output=project.given_output(),
        fractions=fractions,
        group_by=section.group_by,
        order=section.order,
        seed=session.config.project.seed,
        assignments=project.splits_path,
        keep_assignments=keep,
        needs=Needs(
            margin=session.config.task.margin,
            max_error=session.config.routing.max_error,
            delta=session.config.routing.delta,
        ),
        absent_fields=session.config.task.absent_fields,
        on_bad_rows=section.on_bad_rows,
        decisions=decisions.values(),
        reviews=read_reviews(project.reviews_path),
        policy=read_policy(project.policy_path),
        context=lambda rows, contract: check_context(session, rows, contract, named=named),
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


def cloud_prompt(task: Task) -> Callable[[Example], Request]:
    """How a cloud model is asked about a document."""
    return lambda example: Request(messages=arms.described(task, example), max_tokens=arms.CLOUD_MAX_TOKENS)


def check_context(session: Session, rows: Staged, contract: OutputSpec, *, named: bool = False) -> Context:
    """What the checks know beside the rows; ``named`` gives the keys of pseudonyms, too."""
    config = session.config
    count_tokens, no_tokens = token_counter(session.config.training.model, session.project.task(Text()))
    return Context(
        rows=rows,
        output=contract,
        instruction=config.task.instruction,
        seed=config.project.seed,
        max_tokens=config.training.max_tokens,
        count_tokens=count_tokens,
        no_tokens=no_tokens,
        absent_fields=config.task.absent_fields,
        pseudonyms=Pseudonyms.of(session.project.workspace) if named else None,
    )
