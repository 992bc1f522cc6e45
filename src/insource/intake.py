"""From a source to a dataset: the first stage of the loop, with the cloud's answers joined to its rows."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from insource import arms
from insource.dataset.build import build_folder
from insource.dataset.checks.card import findings_card
from insource.dataset.checks.check import Context
from insource.dataset.checks.suite import NAMES, run_checks
from insource.dataset.checks.taken_out import PersonalData, Secrets
from insource.dataset.decisions import read_decisions, write_decisions
from insource.dataset.examples import example_of
from insource.dataset.field_inference import FieldEvidence
from insource.dataset.folder import check, load
from insource.dataset.folder import examples as read_examples
from insource.dataset.infer import Inference, infer_output
from insource.dataset.policy import read_policy
from insource.dataset.review.application import apply_reviews
from insource.dataset.review.decisions import DecisionFile, read_reviews
from insource.dataset.review.desk import Desk
from insource.dataset.sources.choose import Chosen, choose_source
from insource.dataset.sources.joined import Joined
from insource.dataset.sources.json_lines import JsonLines
from insource.dataset.sources.source import Source
from insource.dataset.staging import Staged, staged
from insource.errors import DataError, UserError
from insource.logs.collect import Logged, collect, has_answers, logged
from insource.logs.recorder import STORE_FILE
from insource.logs.redaction.pseudonyms import Pseudonyms
from insource.models.protocol import Model, Request
from insource.reference import confirm_cost
from insource.session import Session
from insource.store.database import open_database
from insource.training.count import token_counter
from insource.types import (
    SPLITS,
    Dataset,
    DatasetManifest,
    Example,
    Finding,
    Fix,
    FixDecision,
    Frozen,
    FunnelStep,
    OutputSpec,
    Row,
    Split,
    Task,
    Text,
)

FINDINGS, CARD = "findings.json", "findings.md"
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
        with tempfile.TemporaryDirectory(dir=_made(session.project.workspace)) as scratch:
            built = _build(session, chosen.source, answers, Path(scratch))
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

    ask = _cloud_prompt(task)
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


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _build(session: Session, source: Source, answers: Logged, datasets_dir: Path) -> Path:
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
        seed=session.config.project.seed,
        absent_fields=session.config.task.absent_fields,
        on_bad_rows=section.on_bad_rows,
        decisions=decisions.values(),
        reviews=read_reviews(project.reviews_path),
        policy=read_policy(project.policy_path),
        context=lambda rows, contract: _context(session, rows, contract, named=named),
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


class ContractReport(Frozen):
    """What the answers of a source come to, and what speaks for it. ``labels`` counts each label."""

    source: str
    rows: int
    dropped: int
    output: OutputSpec
    fields: tuple[FieldEvidence, ...]
    labels: dict[str, int]
    notes: tuple[str, ...]


def infer_contract(session: Session) -> ContractReport:
    """The output contract inferred from the source's rows as they are, in one reading."""
    chosen = source_of(session)
    session.begin("schema", "what the answers look like")
    session.display.note(f"{chosen.source.name}: {chosen.reason}")
    inference, dropped = Inference(), 0
    for item in chosen.source:
        if isinstance(item, Row):
            inference.observe(item.output)
        else:
            dropped += 1
    if not inference.seen:
        raise DataError(
            "no-rows",
            f"{chosen.source.name} has no row that can be used; {dropped} cannot.",
            hint="See what is wrong with each: insource dataset build",
        )
    return ContractReport(
        source=chosen.source.name,
        rows=inference.seen,
        dropped=dropped,
        output=inference.output,
        fields=inference.evidence(),
        labels=inference.labels,
        notes=inference.notes(),
    )


@contextmanager
def review_desk(session: Session, *, overlap: float = 0.0) -> Iterator[Desk]:
    """The source's rows on a reviewer's desk, with the log's answers to them, until the block ends.

    Raises:
        DataError: the source's own, ``no-rows``, ``reviews-unreadable``.
    """
    project, workspace = session.project, session.project.workspace
    file = DecisionFile(project.reviews_path, workspace / "reviews.lock")
    file.decisions()  # a file that cannot be read is said before anybody begins
    with staged(source_of(session).source, _made(workspace / "review")) as rows:
        contract = project.given_output() or infer_output(row.output for row in rows)
        answers = Logged({}, frozenset())
        if (workspace / STORE_FILE).exists():
            task = project.task(contract)
            with open_database(workspace / STORE_FILE) as database:
                examples = (example_of(row, "", {}) for row in rows)
                answers = logged(database, examples, _cloud_prompt(task), task=task.name)
        yield Desk(
            rows,
            contract,
            file,
            answers={
                row_id: {model: one.text for model, one in found.items()}
                for row_id, found in answers.answers.items()
            },
            seed=session.config.project.seed,
            overlap=overlap,
            absent_fields=session.config.task.absent_fields,
            clock=session.clock,
        )


def _cloud_prompt(task: Task) -> Callable[[Example], Request]:
    return lambda example: Request(messages=arms.described(task, example), max_tokens=arms.CLOUD_MAX_TOKENS)


class CheckReport(Frozen):
    """What `insource dataset check` found, and what was decided so far. ``folder`` keeps it."""

    source: str
    read: int
    dropped: dict[str, int]
    funnel: tuple[FunnelStep, ...]
    findings: tuple[Finding, ...]
    decisions: dict[str, FixDecision]
    folder: str


def check_dataset(session: Session) -> CheckReport:
    """Every check over the source's rows as they are; the findings are kept in the workspace."""
    project = session.project
    session.begin("check", "what is usually wrong with training data; nothing is changed")
    folder = _made(project.workspace / "checks")
    chosen = source_of(session)
    session.display.note(f"{chosen.source.name}: {chosen.reason}")
    with staged(chosen.source, folder) as rows:
        apply_reviews(rows, read_reviews(project.reviews_path))
        contract = project.given_output() or infer_output(row.output for row in rows)
        findings = run_checks(
            _context(session, rows, contract),
            progress=lambda done, total: session.display.progress("rows", done, total),
        )
        report = CheckReport(
            source=rows.name,
            read=rows.read,
            dropped=dict(Counter(drop.reason for drop in rows.dropped)),
            funnel=tuple(rows.funnel),
            findings=findings,
            decisions=read_decisions(project.fixes_path),
            folder=str(folder),
        )
    (folder / FINDINGS).write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")
    card = findings_card(report.source, report.funnel, report.dropped, report.findings, report.decisions)
    (folder / CARD).write_text(card, encoding="utf-8")
    return report


def decide_fixes(
    session: Session, applied: Sequence[str], declined: Sequence[str], forgotten: Sequence[str], *, who: str
) -> tuple[FixDecision, ...]:
    """Keep decisions in the fixes file; an accepted fix with the parameters last proposed.

    Raises:
        UserError: ``unknown-check``, ``not-checked`` when no check proposed what is accepted.
    """
    path = session.project.fixes_path
    decisions = read_decisions(path)
    for name in (*applied, *declined, *forgotten):
        if name not in NAMES:
            raise UserError(
                "unknown-check", f"There is no check {name!r}.", hint=f"Checks: {', '.join(NAMES)}"
            )
    proposed = _proposed(session.project.workspace) if applied else {}
    when = session.clock.now().isoformat(timespec="seconds")
    for name in applied:
        if name not in proposed:
            raise UserError(
                "not-checked",
                f"No check proposed a fix for {name}.",
                hint="Look first: insource dataset check",
            )
        parameters = proposed[name].parameters
        decisions[name] = FixDecision(check=name, decision="apply", parameters=parameters, who=who, when=when)
    for name in declined:
        decisions[name] = FixDecision(check=name, decision="decline", who=who, when=when)
    for name in forgotten:
        decisions.pop(name, None)
    if applied or declined or forgotten:
        write_decisions(path, decisions.values())
    return tuple(decisions[name] for name in NAMES if name in decisions)


def effects(session: Session, decision: FixDecision) -> tuple[str, ...]:
    """What a decision will do when the dataset is built, as far as the last check knows."""
    finding = _found(session.project.workspace).get(decision.check)
    count = f"{finding.count:,} {finding.unit}" if finding else "rows"
    if decision.decision == "decline":
        return (f"{count} stay as they are",)
    what = finding.fix.summary if finding and finding.fix else "the last check proposed nothing any more"
    changed = "dropped" if finding and finding.fix and finding.fix.action == "drop" else "changed"
    lines = [f"{what}: {count} {changed} by the last check's count" if finding else what]
    for key, value in decision.parameters.items():
        tables = value.items() if isinstance(value, dict) else [("", value)]
        for field, table in tables:
            pairs = table.items() if isinstance(table, dict) else []
            said = ", ".join(f"{old!r} → {new!r}" for old, new in pairs) if pairs else repr(table)
            lines.append(f"{key} {field}: {said}" if field else f"{key}: {said}")
    return tuple(lines)


def _found(workspace: Path) -> dict[str, Finding]:
    path = workspace / "checks" / FINDINGS
    if not path.exists():
        return {}
    report = CheckReport.model_validate_json(path.read_bytes())
    return {finding.check: finding for finding in report.findings}


def _proposed(workspace: Path) -> dict[str, Fix]:
    found = _found(workspace)
    return {name: finding.fix for name, finding in found.items() if finding.fix is not None}


def _context(session: Session, rows: Staged, contract: OutputSpec, *, named: bool = False) -> Context:
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
