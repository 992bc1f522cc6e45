"""Build the dataset from its source, with the cloud's answers joined to its rows, or read it back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from insource.dataset.build import seal
from insource.dataset.checks.check import Context
from insource.dataset.checks.fixes import read_decisions
from insource.dataset.fresh import FreshRows
from insource.dataset.prepare import MakeContext, Prepared, prepared
from insource.dataset.review.decisions import read_reviews
from insource.dataset.rows.source import Source
from insource.dataset.rows.staged import Staged
from insource.dataset.rows.teacher_policy import read_policy
from insource.dataset.saved.built import Built, find_built, remember
from insource.dataset.saved.folder import check, load
from insource.dataset.saved.folder import examples as read_examples
from insource.dataset.saved.sufficiency import Needs
from insource.dataset.settings import BuildSettings
from insource.dataset.sources.choose import Chosen, choose_source
from insource.dataset.sources.joined import Joined
from insource.dataset.sources.json_lines import JsonLines
from insource.dataset.splits.stored import ledger
from insource.logs.collect import has_answers, logged
from insource.logs.recorder import STORE_FILE
from insource.models.control_tokens import control_tokens_at_hand
from insource.models.protocol import Model
from insource.redaction.pseudonyms import Pseudonyms
from insource.store.database import open_database
from insource.training.count import token_counter
from insource.types import SPLITS, Dataset, DatasetManifest, OutputSpec, Row, Task, Text
from insource.workflow.ask_cloud import ask_cloud, cloud_prompt
from insource.workflow.build_key import BuildKey, log_state, names_values, read_key
from insource.workflow.project import Project
from insource.workflow.session import Session


def build_dataset(session: Session, cloud: Model | None = None) -> tuple[Dataset, Task]:
    """Return the dataset and the task: rows in four splits, with the cloud's answers from the log.

    ``cloud`` is asked for the answers that the log does not have.
    """
    folder, manifest = build_dataset_folder(session, cloud)
    return load(folder), session.project.task(manifest.output)


def build_dataset_folder(session: Session, cloud: Model | None = None) -> tuple[Path, DatasetManifest]:
    """Do as ``build_dataset``, and leave the rows on disk: for datasets that do not fit in memory.

    A build whose key was seen before is read back. ``cloud`` is asked about its documents first, and new
    answers make it another build.
    """
    settings = build_settings(session.project)
    key = read_key(session.project, settings)
    built = _known(session.project, key)
    if built and cloud is not None:
        _ask_about(session, built, cloud)
        before, key, cloud = key, read_key(session.project, settings), None
        built = built if key == before else _known(session.project, key)
    if built:
        session.begin("dataset", "read back what was built from the same rows and settings")
    else:
        built = _build(session, settings, key, cloud)
    session.note_dataset(built.manifest, built.folder, built.seconds, skipped=built.skipped)
    return built.folder, built.manifest


def _known(project: Project, key: BuildKey | None) -> Built | None:
    return find_built(project.builds_path, project.datasets_path, key.spec) if key else None


def _build(session: Session, settings: BuildSettings, before: BuildKey | None, cloud: Model | None) -> Built:
    """Build now, and remember it by its key unless something changed meanwhile."""
    project, chosen = session.project, source_of(session)
    asks = cloud is not None or _has_answers(project)
    if not asks:
        _begin(session, chosen)
    started, asked_s = time.monotonic(), 0.0
    log = before.log if before else ""
    context = _context_maker(session, settings)
    with prepared(chosen.source, project.datasets_path, settings, context) as rows:
        if asks:
            asking = time.monotonic()
            log = _join_answers(session, rows, cloud)
            asked_s = time.monotonic() - asking
            _begin(session, chosen)
        sealed = seal(rows, project.datasets_path, project.splits_path)
    built = Built(sealed.folder, check(sealed.folder), time.monotonic() - started - asked_s)
    after = read_key(project, settings)
    if before and after and after.follows(before, log):
        try:
            remember(project.builds_path, after.on_splits(sealed.splits).spec, built)
        except OSError as error:
            session.display.note(
                f"The next walk builds again: {project.builds_path}: {error.strerror or error}"
            )
    return built


def _begin(session: Session, chosen: Chosen) -> None:
    session.begin("dataset", "read the rows and split them; every dropped row is counted")
    session.display.note(f"{chosen.source.name}: {chosen.reason}")


def _ask_about(session: Session, built: Built, cloud: Model) -> None:
    """Ask the cloud about a dataset's documents, as far as the log does not have its answers."""
    task = session.project.task(built.manifest.output)
    listed = [example for split in SPLITS for example in read_examples(built.folder, split)]
    ask_cloud(session, listed, cloud_prompt(task), task, cloud)


def _join_answers(session: Session, rows: Prepared, cloud: Model | None) -> str:
    """Join the log's answers to the rows, and return the state of the log that they were read from.

    ``cloud`` is asked for those that the log does not have, about the documents that the dataset will hold.
    """
    project = session.project
    task = project.task(rows.contract)
    ask = cloud_prompt(task)
    splits = project.splits_path
    with ledger(splits, project.datasets_path, keeps=splits.exists()) as kept:
        stored = kept.stored
    documents = rows.documents(stored)
    if cloud is not None:  # what is asked one by one, for money, fits in memory
        listed = sorted(documents, key=lambda found: SPLITS.index(found[0]))
        ask_cloud(session, [example for _, example in listed], ask, task, cloud)
        documents = iter(listed)
    log = log_state(project)
    with open_database(project.workspace / STORE_FILE) as database:
        rows.join(logged(database, (example for _, example in documents), ask, task=task.name))
    return log


def _has_answers(project: Project) -> bool:
    store = project.workspace / STORE_FILE
    if not store.exists():
        return False
    with open_database(store) as database:
        return has_answers(database, task=project.config.task.name)


def build_settings(project: Project) -> BuildSettings:
    """Return what the project's configuration and files say about a build: the only place that does.

    Raises:
        UserError, ConfigError, DataError: of the schema, the fixes, the reviews and the policy.
    """
    config, section = project.config, project.config.dataset
    given = {
        "validation": section.validation,
        "calibration": section.calibration,
        "test": section.test,
    }
    return BuildSettings(
        name=config.task.name,
        output=project.given_output(),
        fractions={"train": 1 - sum(given.values()), **given},
        group_by=section.group_by,
        order=section.order,
        seed=config.project.seed,
        needs=Needs(
            margin=config.task.margin, max_error=config.routing.max_error, delta=config.routing.delta
        ),
        absent_fields=config.task.absent_fields,
        on_bad_rows=section.on_bad_rows,
        decisions=tuple(read_decisions(project.fixes_path).values()),
        reviews=tuple(read_reviews(project.reviews_path)),
        policy=read_policy(project.policy_path),
    )


def source_of(session: Session, *, for_review: bool = False) -> Chosen:
    """Return the project's rows and why they are read like that, with those of its traffic and made ones.

    Of the traffic, answers that the teacher policy does not allow are there once a person has reviewed them,
    and ``for_review``.
    """
    project = session.project
    chosen = choose_source(
        session.config.dataset,
        project.rows_path,
        workspace=project.workspace,
        task=session.config.task.name,
        schemas=project.schemas(),
    )
    more: list[Source] = []
    if project.fresh_path.exists():
        more.append(FreshRows(project.fresh_path, *([] if for_review else [_untrainable(project)])))
    if project.synthetic_path.exists():
        more.append(JsonLines(project.synthetic_path, project.schemas()))
    return Chosen(Joined(chosen.source, *more), chosen.reason) if more else chosen


def _untrainable(project: Project) -> Callable[[Row], str]:
    """Return what says why a row of the traffic may not be trained on: the policy, before its review."""
    policy = read_policy(project.policy_path)
    reviewed = {one.row_id for one in read_reviews(project.reviews_path)}

    def refuses(row: Row) -> str:
        if row.row_id in reviewed or not row.provenance.from_teacher:
            return ""
        return policy.objection(row.provenance)

    return refuses


def made(folder: Path) -> Path:
    """Make the folder if it is not there, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _context_maker(session: Session, settings: BuildSettings) -> MakeContext:
    named = names_values(settings)
    return lambda rows, contract: check_context(session, rows, contract, named=named)


def check_context(session: Session, rows: Staged, contract: OutputSpec, *, named: bool = False) -> Context:
    """Return what the checks know beside the rows; ``named`` gives the keys of pseudonyms, too."""
    config = session.config
    count_tokens, no_tokens = token_counter(config.training.model, session.project.task(Text()))
    return Context(
        rows=rows,
        output=contract,
        instruction=config.task.instruction,
        seed=config.project.seed,
        max_tokens=config.training.max_tokens,
        count_tokens=count_tokens,
        no_tokens=no_tokens,
        control=control_tokens_at_hand(config.training.model),
        absent_fields=config.task.absent_fields,
        pseudonyms=Pseudonyms.of(session.project.workspace) if named else None,
    )
