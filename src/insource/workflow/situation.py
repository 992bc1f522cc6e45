"""What the triggers of retraining read: alerts, labels, contract, age and base models, as they are now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from insource.dataset.fresh import Fresh, fresh_rows, input_key, placed, read_fresh, without_anchors
from insource.dataset.sources.choose import choose_source
from insource.lifecycle.anchors.kept import anchors_of
from insource.lifecycle.contract_changes import contract_changes
from insource.lifecycle.triggers import Alert, Base, Situation, triggers
from insource.logs.query import Log
from insource.models.catalogue import at_hand, resolve
from insource.redaction import Redactor
from insource.runs.result import STAGE, load
from insource.store.deployments.registry import FILE_NAME, events, open_registry
from insource.types import Dataset, Example, Row, RunResult, Split
from insource.types.retraining import Collected, Trigger
from insource.workflow.build import build_dataset, build_settings
from insource.workflow.champion import champion_of, learned_from
from insource.workflow.cloud_trust import CloudTrust, cloud_trust
from insource.workflow.cycles import cycles
from insource.workflow.kept_profile import has_log
from insource.workflow.session import Session

DRIFT_SIGNALS = ("inputs", "behaviour", "quality", "audits")
"""The alerts of the monitor that a new model may mend."""


class Assessed(NamedTuple):
    """The champion with its dataset, today's dataset, the new rows of the traffic, and the situation.

    ``last`` is the run of the last training: the champion's, or that of a later cycle.
    """

    champion: RunResult
    known: Dataset
    last: RunResult
    dataset: Dataset
    fresh: Fresh
    situation: Situation

    @property
    def collected(self) -> Collected:
        return collected(self.fresh)


def assess(session: Session) -> Assessed:
    """Return what there is to decide from. The dataset is built or read back; nothing else is written.

    Raises:
        UserError: ``no-champion``; and as ``build_dataset``.
    """
    champion = champion_of(session)
    known = learned_from(session, champion)
    last, began = _last_training(session, champion)
    seen = [known, *([learned_from(session, last)] if last is not champion else [])]
    dataset, _ = build_dataset(session)
    fresh = fresh_of(session)
    checked = [*_labelled(dataset, seen), *_not_built(session, fresh, dataset)]
    base, others, missing = _bases(session, champion)
    found = Situation(
        now=session.clock.now(),
        made_at=began,
        base=base,
        configured=_configured(session, base),
        alerts=_alerts(session, cloud_trust(session)),
        labelled=len(checked),
        to_learn=round(sum(checked)),
        changes=contract_changes(
            last.dataset.output,
            session.project.given_output(),
            last.instruction,
            session.config.task.instruction,
        ),
        others=others,
        missing=missing,
    )
    return Assessed(champion, known, last, dataset, fresh, found)


def triggers_of(session: Session, found: Assessed) -> tuple[Trigger, ...]:
    """Return the triggers of the project's configuration, due or not."""
    return triggers(session.config.retrain, found.situation)


def fresh_of(session: Session) -> Fresh:
    """Return the rows that the traffic gives now, with those that the file has already."""
    project, section = session.project, session.config.dataset
    before = read_fresh(project.fresh_path)
    if not session.config.retrain.from_traffic or section.format == "log" or not has_log(session):
        return Fresh(before, {})
    own = choose_source(
        section,
        project.rows_path,
        workspace=project.workspace,
        task=session.config.task.name,
        schemas=project.schemas(),
    ).source
    redactor = Redactor.from_config(session.config.log, project.workspace)
    cloud = cloud_trust(session)
    known: set[str] = set()
    given: set[Split | None] = set()
    for row in own:
        if isinstance(row, Row):
            # The log holds the documents of its calls redacted: such a copy is no new document either.
            known |= {input_key(row.input), input_key(redactor.text(row.input))}
            given.add(row.split)
    with Log(project.workspace, clock=session.clock) as log:
        log.drain()
        found = fresh_rows(
            log,
            section.calls.task or session.config.task.name,
            section.calls,
            known=known,
            before=[row for row in before if input_key(row.input) not in known and cloud.teaches(row)],
            teaches=cloud.teaches,
            conversations=section.conversations,
        )
    anchors = [one.example.input for one in anchors_of(project.workspace, session.config.task.name).anchors]
    found = without_anchors(found, [*anchors, *(redactor.text(one) for one in anchors)])
    shares = build_settings(project).fractions
    return found._replace(rows=placed(found.rows, given, shares, session.config.project.seed))


def collected(fresh: Fresh) -> Collected:
    """Return the counts of the rows of the traffic."""
    return Collected(
        rows=len(fresh.rows),
        corrected=fresh.corrected,
        by_cloud=len(fresh.rows) - fresh.corrected,
        left_out=fresh.left_out,
    )


def _last_training(session: Session, champion: RunResult) -> tuple[RunResult, datetime]:
    """Return the run of the newest finished cycle and when that began; else the champion's."""
    began = datetime.fromisoformat(champion.started_at)
    runs = {one.run_id for one in session.project.runs.complete(STAGE)}
    for one in reversed(cycles(session)):
        started = datetime.fromisoformat(one.started_at)
        if one.step == "done" and one.challenger in runs and started > began:
            return load(session.project.runs, one.challenger)[0], started
    return champion, began


def _labelled(dataset: Dataset, seen: Sequence[Dataset]) -> list[float]:
    """Return 1 for each new label of a person in the training split, 0 for each in another."""
    checked = (one for known in seen for one in _examples(known) if one.provenance.label == "checked")
    before = {(one.input, one.target) for one in checked}
    return [
        float(split == "train")
        for split, examples in dataset.splits.items()
        for one in examples
        if one.provenance.label == "checked" and (one.input, one.target) not in before
    ]


def _not_built(session: Session, fresh: Fresh, dataset: Dataset) -> list[float]:
    """Return for each corrected row that is in no split yet how likely it is one of the training split."""
    built = {input_key(one.input) for one in _examples(dataset)}
    given = any(row.split is not None for row in fresh.rows)
    share = 1.0 if given else build_settings(session.project).fractions["train"]
    return [
        share if row.split is None else 0.0
        for row in fresh.rows
        if row.provenance.label == "checked" and input_key(row.input) not in built
    ]


def _examples(dataset: Dataset) -> list[Example]:
    return [one for examples in dataset.splits.values() for one in examples]


def _alerts(session: Session, cloud: CloudTrust) -> tuple[Alert, ...]:
    """Return the alerts of the monitor about the task; an alert about the cloud is none of the model's.

    Neither are differences from a cloud that moved, as far as the anchors tell.
    """
    signals = [one for one in DRIFT_SIGNALS if one != "audits" or not cloud.doubted]
    workspace = session.project.workspace
    if not (workspace / FILE_NAME).exists():
        return ()
    with open_registry(workspace) as database:
        found = events(database, session.config.task.name)
    return tuple(
        Alert(one.at, one.reason)
        for one in found
        if one.kind == "alert"
        and one.evidence.get("signal") in signals
        and one.evidence.get("state", "open") == "open"
    )


def _bases(session: Session, champion: RunResult) -> tuple[Base, tuple[Base, ...], tuple[str, ...]]:
    """Return the champion's base model, and of those to try the ones at hand and the others."""
    name = champion.training.base_model if champion.training else session.config.training.model
    served = champion.served
    listed: Sequence[str] = session.config.retrain.bases
    if served is not None and served.kind == "fitted":
        listed = ()  # what answers has no base model, so none is cheaper
    here = [one for one in listed if at_hand(one)]
    tried = {cycle.base for cycle in cycles(session)} | {name}
    others = tuple(Base(one, _size(one), one in tried) for one in here)
    return Base(name, _size(name), tried=True), others, tuple(one for one in listed if one not in here)


def _configured(session: Session, base: Base) -> Base:
    name = session.config.training.model
    tried = any(name in (one.base, one.champion_base) for one in cycles(session))
    return Base(name, tried=tried or name == base.name)


def _size(name: str) -> int:
    return resolve(name).gguf.stat().st_size if at_hand(name) else 0
