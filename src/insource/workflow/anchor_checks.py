"""Send anchors to the cloud when they are due, within their budget, and say what moved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from insource.contract.answers import answer_text, read_answer
from insource.contract.validate import fits
from insource.evaluation.run import Scorer
from insource.evaluation.scorers import build_scorer
from insource.foundation.canonical import dumps
from insource.foundation.errors import DataError, ProviderError, UserError
from insource.foundation.money import show_usd
from insource.lifecycle.anchors.attribution import Harm
from insource.lifecycle.anchors.harm import first_harm
from insource.lifecycle.anchors.kept import AnchorSet, alone, anchors_of, keep
from insource.lifecycle.anchors.schedule import due
from insource.lifecycle.anchors.standing import (
    ACCEPTED,
    accepted_since,
    counted,
    harm_since_accepted,
    standing,
)
from insource.lifecycle.rollout import slo_of
from insource.logs.anchors import recorded, spent_on_anchors, tagged
from insource.logs.paid import MAX_TIMEOUTS_IN_A_ROW
from insource.logs.recorded_model import RecordedModel
from insource.models.protocol import Model
from insource.models.transport import TIMEOUT
from insource.providers.price_bound import HIDDEN_TOKENS
from insource.providers.prices import PriceTable
from insource.routing.cascade import decide
from insource.runs.result import load
from insource.store.database import Database
from insource.store.deployments.audits import add_anchor_checks, anchor_checks_of, audits_of
from insource.store.deployments.registry import deployment_of, events, open_registry, record_event
from insource.types import Completion, Example, JsonSchema, Task, Usage
from insource.types.anchors import Anchor, Attribution, FirstAnswer
from insource.types.deployment import AnchorCheck, Deployment, DeploymentEvent, EventKind, Version
from insource.workflow.anchors import busy, refuse_leaks
from insource.workflow.ask_cloud import cloud_model, cloud_prompt
from insource.workflow.cloud_watch import version_noticed_at
from insource.workflow.deployed import Deployed, Opened
from insource.workflow.serve import deployed
from insource.workflow.session import Session

REFUSED = "document-refused"


class LocalSide(NamedTuple):
    """The version that answers here; ``answer`` returns None where its policy serves no local answer."""

    version: str
    answer: Callable[[str], str | None]


class Asked(NamedTuple):
    """How many anchors were asked of those that were due, why not all, and what they say now."""

    asked: int
    due: int
    stopped: str
    attribution: Attribution | None

    def document(self) -> str:
        """Return this as JSON."""
        said = None if self.attribution is None else self.attribution.model_dump(mode="json")
        return dumps({**self._asdict(), "attribution": said})


def checked_now(session: Session, *, forced: bool = False, with_local: bool = False) -> Asked:
    """Ask the anchors that are due, of the configured cloud, and of the newest run's model if wanted.

    Raises:
        UserError: as ``check_anchors``; ``no-cloud-to-compare``, ``local-only``, and those of ``deployed``.
        PrerequisiteError: ``no-api-key``.
    """
    cloud = cloud_model(session)
    if cloud is None:
        raise UserError(
            "no-cloud-to-compare",
            "No cloud is configured, so there is none to send anchors to.",
            hint="Name the model that answers today: `model` under [reference] in insource.toml.",
        )
    if not with_local:
        output = session.project.given_output() or load(session.project.runs)[0].dataset.output
        return check_anchors(session, session.project.task(output), cloud, forced=forced)
    found = deployed(session)
    with found.open() as opened:
        side = LocalSide(f"{found.task.name}@{found.version}", partial(_served, found, opened))
        return check_anchors(session, found.task, cloud, local=side, forced=forced)


def anchors_status(session: Session) -> Attribution | None:
    """Return what the anchors say now, None without any. Raises as ``standing``."""
    workspace, task, section = session.project.workspace, session.config.task.name, session.config.rollout
    with open_registry(workspace) as registry:
        deployment = deployment_of(registry, task)
        slo, version, harm = _accepted(session, deployment), "", None
        if deployment is not None and (watched := _watched(deployment)) is not None:
            in_canary, version = watched == deployment.challenger, watched.name
            since = deployment.challenger_since if in_canary else deployment.champion_since
            found = audits_of(registry, task, since=since, version=version)
            audits = counted(found, accepted_since(events(registry, task)))
            harm = first_harm(audits, slo, section, in_canary=in_canary)
        return standing(registry, workspace, task, section, harm=harm, version=version, slo=slo)


def standing_of(session: Session, task: str, harm: Harm | None, version: str) -> Attribution | None:
    """Return what the recorded answers say of a version, None without anchors. Raises as ``standing``."""
    with open_registry(session.project.workspace) as registry:
        slo = _accepted(session, deployment_of(registry, task))
        workspace, section = session.project.workspace, session.config.rollout
        return standing(registry, workspace, task, section, harm=harm, version=version, slo=slo)


def none_yet(session: Session) -> UserError:
    """Return the error for a task without anchors."""
    task = session.config.task.name
    return UserError(
        "no-anchors",
        f"The task {task!r} has no anchors.",
        hint="Add 50 to 100 rows that a person labelled: insource deploy anchors add FILE",
    )


def check_anchors(
    session: Session,
    task: Task,
    cloud: Model,
    *,
    harm: Harm | None = None,
    local: LocalSide | None = None,
    forced: bool = False,
    by: str = "operator",
) -> Asked:
    """Ask the cloud, and the local side, the anchors that are due, and record what they say.

    ``forced`` asks all of them, due or not. It stops before the day's budget could be exceeded. An anchor
    without an answer, because the cloud is down or slow, tells nothing and is asked again.

    Raises:
        UserError: ``anchors-busy``; ``no-anchors``; ``anchors-not-priced`` for a model without a known price.
        DataError: ``anchors-leaked``.
        IntegrityError: ``anchors-unreadable``.
    """
    workspace = session.project.workspace
    try:
        with alone(workspace, task.name), open_registry(workspace) as registry:
            kept = anchors_of(workspace, task.name)
            if not kept.anchors:
                raise none_yet(session)
            return _Checking(session, task, cloud, registry, kept, local, by).run(harm, forced=forced)
    except BlockingIOError as error:
        raise busy(task.name) from error


def accept_cloud(session: Session, reason: str) -> None:
    """Take the cloud as it is now for the unchanged one: what it answers from now on is compared with that.

    Raises:
        UserError: ``no-anchors``, ``anchors-busy``.
    """
    task, workspace = session.config.task.name, session.project.workspace
    try:
        with alone(workspace, task), open_registry(workspace) as registry:
            kept = anchors_of(workspace, task)
            if not kept.anchors:
                raise none_yet(session)
            _record(registry, task, session.clock.now(), "operator", reason, {ACCEPTED: 1})
            keep(workspace, task, kept.model_copy(update={"first": ()}))
    except BlockingIOError as error:
        raise busy(task) from error


class _Checking:
    """One round: what it needs, and what it has asked."""

    def __init__(
        self,
        session: Session,
        task: Task,
        cloud: Model,
        registry: Database,
        kept: AnchorSet,
        local: LocalSide | None,
        by: str,
    ) -> None:
        self._session, self._task, self._cloud, self._registry = session, task, cloud, registry
        self._kept, self._local, self._by = kept, local, by
        self._scorer = build_scorer(task)
        self._prices = PriceTable(session.config.prices.models)
        self._ask = cloud_prompt(task)

    def run(self, harm: Harm | None, *, forced: bool) -> Asked:
        section, now = self._session.config.rollout, self._session.clock.now()
        known = events(self._registry, self._task.name)
        accepted = accepted_since(known)
        harm = harm_since_accepted(harm, accepted)
        checks = anchor_checks_of(self._registry, self._task.name, since=accepted)
        waiting = due(
            [one.anchor_id for one in self._kept.anchors],
            checks,
            now,
            every_s=section.anchors_every_s,
            harm_since=harm.since if harm is not None else None,
            forced=forced,
            moved_at=version_noticed_at(known),
        )
        asked, stopped = 0, ""
        if waiting:
            refuse_leaks(self._session, self._kept.anchors)
            asked, stopped = self._ask_all(waiting, now)
        found = self._standing(harm)
        if asked and found is not None:
            told: dict[str, float | int | str] = {
                "cause": found.cause,
                "log_changed": found.log_changed,
                "log_same": found.log_same,
                "anchors": found.anchors,
                "rounds": found.rounds,
                "asked": asked,
            }
            before = [one.evidence for one in known if one.kind == "anchors"]
            _record(self._registry, self._task.name, now, self._by, found.reason, told)
            if found.cause == "cloud" and (not before or before[-1].get("cause") != "cloud"):
                reason = f"{found.reason}. Look at what changed: insource deploy anchors status"
                _record(self._registry, self._task.name, now, self._by, reason, told, kind="alert")
        return Asked(asked, len(waiting), stopped, found)

    def _standing(self, harm: Harm | None) -> Attribution | None:
        return standing(
            self._registry,
            self._session.project.workspace,
            self._task.name,
            self._session.config.rollout,
            harm=harm,
            version=self._local.version if self._local is not None else "",
            slo=_accepted(self._session, deployment_of(self._registry, self._task.name)),
        )

    def _ask_all(self, waiting: Sequence[str], now: datetime) -> tuple[int, str]:
        """Ask anchors until the budget or the cloud ends it; return how many answered, and why no more."""
        anchors = {one.anchor_id: one for one in self._kept.anchors}
        day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        asked = timeouts = 0
        with self._session.recorder() as recorder:
            recorder.flush()
            budget = Decimal(str(self._session.config.rollout.anchors_usd_per_day))
            left = budget - spent_on_anchors(recorder.database, self._task.name, day)
            model = recorded(self._cloud, recorder, self._task.name, self._prices.cost)
            for anchor_id in waiting:
                most = self._most_usd(anchors[anchor_id].example)
                if most > left:
                    return asked, f"the day's budget for anchors, {show_usd(budget)}, would be exceeded"
                try:
                    cost = self._ask_one(anchors[anchor_id], tagged(model, anchor_id, most))
                except ProviderError as error:
                    left -= most
                    timeouts = timeouts + 1 if error.code == TIMEOUT else MAX_TIMEOUTS_IN_A_ROW
                    if timeouts >= MAX_TIMEOUTS_IN_A_ROW:
                        return asked, f"the cloud does not answer: {error.message}"
                    continue
                left -= most if cost is None else cost
                asked, timeouts = asked + 1, 0
        return asked, ""

    def _ask_one(self, anchor: Anchor, model: RecordedModel) -> Decimal | None:
        """Ask both sides one anchor and record their answers; return what the cloud's cost."""
        try:
            completion = model.generate(self._ask(anchor.example))
        except ProviderError as error:
            if error.code != REFUSED:
                raise
            # That the cloud declines a document which it answered before is a change of the cloud.
            completion = Completion(text="", finish_reason="content_filter")
        name = self._cloud.info.name
        now = self._session.clock.now()
        first = self._kept.first_of(anchor.anchor_id, name)
        if first is None:
            answer = FirstAnswer(
                anchor_id=anchor.anchor_id, side="cloud", model=name, at=now, text=completion.text
            )
            self._kept = self._kept.model_copy(update={"first": (*self._kept.first, answer)})
            keep(self._session.project.workspace, self._task.name, self._kept)
        check = AnchorCheck(
            task=self._task.name,
            anchor_id=anchor.anchor_id,
            at=now,
            side="cloud",
            model=name,
            right=self._scorer(anchor.example, completion).exact,
            same=None if first is None else _same(self._scorer, self._task, first, completion),
        )
        add_anchor_checks(self._registry, [check, *self._locally(anchor, now)])
        asked = self._prices.cost(name, completion.usage)
        return self._prices.cost(completion.model, completion.usage) if asked is None else asked

    def _locally(self, anchor: Anchor, now: datetime) -> list[AnchorCheck]:
        text = self._local.answer(anchor.example.input) if self._local is not None else None
        if self._local is None or text is None:
            return []
        return [
            AnchorCheck(
                task=self._task.name,
                anchor_id=anchor.anchor_id,
                at=now,
                side="local",
                model=self._local.version,
                right=self._scorer(anchor.example, Completion(text=text)).exact,
            )
        ]

    def _most_usd(self, example: Example) -> Decimal:
        """Return the most that asking can cost.

        Raises:
            UserError: ``anchors-not-priced``.
        """
        info = self._cloud.info
        if info.simulated:
            return Decimal(0)
        request = self._ask(example)
        sent = len(request.model_dump_json().encode()) + HIDDEN_TOKENS
        found = self._prices.dearest(info.name, Usage(input_tokens=sent, output_tokens=request.max_tokens))
        if found is None:
            raise UserError(
                "anchors-not-priced",
                f"No price of {info.name} is known, so rollout.anchors_usd_per_day could not hold.",
                hint="Give its price under [prices.models] in insource.toml.",
            )
        return found


def _same(scorer: Scorer, task: Task, first: str, now: Completion) -> bool:
    """Return whether an answer is the first one again, by the comparators of the task."""
    if now.text == first:
        return True
    if not first.strip() or not now.text.strip():
        return False
    target = answer_text(first, task.output)
    example = Example(row_id="", digest="", input="", target=target, provenance={"source": "cloud"})
    try:
        return scorer(example, now).exact
    except DataError:  # the first answer was none: another text is another answer
        return False


def _served(found: Deployed, opened: Opened, document: str) -> str | None:
    """Return the local answer to a document, None where the policy does not serve it."""
    completion = opened.model.generate(found.ask(document))
    sure = completion.confidence if completion.confidence is not None else found.confidence(completion)
    answer, output = read_answer(completion.text, found.task.output), found.task.output
    valid = answer.parsed and (not isinstance(output, JsonSchema) or fits(answer.value, output.definition))
    to, _ = decide(found.policy, sure, "valid" if valid else "invalid")
    return completion.text if to == "local" else None


def _watched(deployment: Deployment) -> Version | None:
    """Return the version that the audits decide about."""
    return deployment.challenger if deployment.stage == "canary" else deployment.champion


def _accepted(session: Session, deployment: Deployment | None) -> float:
    """Return the accepted share of differences: of the version that is deployed, else as configured."""
    watched = None if deployment is None else _watched(deployment)
    if watched is not None:
        return slo_of(watched, session.config.rollout)
    slo = session.config.rollout.slo
    return session.config.routing.max_error if slo is None else slo


def _record(
    registry: Database,
    task: str,
    now: datetime,
    by: str,
    reason: str,
    evidence: dict[str, float | int | str],
    kind: EventKind = "anchors",
) -> None:
    deployment = deployment_of(registry, task)
    record_event(
        registry,
        DeploymentEvent(
            task=task,
            revision=deployment.revision if deployment is not None else 0,
            at=now,
            kind=kind,
            by=by,
            reason=reason,
            evidence=evidence,
        ),
    )
