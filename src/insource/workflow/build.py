"""Build the dataset from its source, with the cloud's answers joined to its rows."""

from __future__ import annotations

import tempfile
import time
from itertools import chain
from pathlib import Path

from insource.dataset.build import build_folder
from insource.dataset.checks.check import Context
from insource.dataset.checks.fixes import read_decisions
from insource.dataset.checks.sensitive_data import PersonalData, Secrets
from insource.dataset.review.decisions import read_reviews
from insource.dataset.rows.source import Source
from insource.dataset.rows.staged import Staged
from insource.dataset.rows.teacher_policy import read_policy
from insource.dataset.saved.folder import check, load
from insource.dataset.saved.folder import examples as read_examples
from insource.dataset.saved.sufficiency import Needs
from insource.dataset.sources.choose import Chosen, choose_source
from insource.dataset.sources.joined import Joined
from insource.dataset.sources.json_lines import JsonLines
from insource.logs.collect import Logged, has_answers, logged
from insource.logs.recorder import STORE_FILE
from insource.models.protocol import Model
from insource.redaction.pseudonyms import Pseudonyms
from insource.store.database import open_database
from insource.training.count import token_counter
from insource.types import (
    SPLITS,
    Dataset,
    DatasetManifest,
    OutputSpec,
    Split,
    Task,
    Text,
)
from insource.workflow.ask_cloud import ask_cloud, cloud_prompt
from insource.workflow.session import Session

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
