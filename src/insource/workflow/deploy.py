"""The registry's verbs: which version of a task answers calls, and the evidence about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import NamedTuple

from insource.config.rollout import RolloutSection
from insource.foundation.canonical import digest, short
from insource.foundation.clock import SYSTEM, Clock
from insource.foundation.errors import IntegrityError, UserError
from insource.lifecycle.anchors.attribution import Harm
from insource.lifecycle.anchors.harm import first_harm
from insource.lifecycle.anchors.standing import accepted_since, counted, standing
from insource.lifecycle.rollout import Evidence, Step, evidence_of, next_step, slo_of
from insource.lifecycle.transitions import in_canary, in_shadow, nothing_deployed, promoted, rolled_back
from insource.models.transport import is_loopback
from insource.runs.result import load
from insource.store.database import Database
from insource.store.deployments.audits import AuditReader, spent_on_audits
from insource.store.deployments.registry import deployment_of, events, open_registry, swap
from insource.types import RunResult
from insource.types.anchors import Cause
from insource.types.deployment import Deployment, DeploymentEvent, EventKind, Version
from insource.workflow.audited import no_audits, require_audited
from insource.workflow.deployed import RUN_THE_LOOP, version_name
from insource.workflow.servable import with_arm
from insource.workflow.session import Session

OPERATOR = "operator"
LATEST_EVENTS = 100
"""Events among which the reason of a step that holds is looked for."""


class Standing(NamedTuple):
    """What is deployed for a task, what the audits say, and what happened last.

    ``step`` is what a gateway would do now; None when nothing is watched. ``shadow`` counts the audits of a
    version in shadow: served answers, and how many of them differ. ``no_audits`` says why none are made, and
    is empty while they are.
    """

    deployment: Deployment | None
    step: Step | None
    shadow: tuple[int, int]
    spent_today_usd: str
    last: DeploymentEvent | None
    no_audits: str = ""


def version_of(result: RunResult, task: str) -> Version:
    """Return what a run can be deployed as for a task, with the digest of everything that was certified.

    Raises:
        UserError: ``model-not-found`` when the run measured nothing that can be served.
    """
    if result.routing is None or (result.served is None and result.training is None):
        raise UserError(
            "model-not-found", f"{result.run_id} measured no model that can be served.", hint=RUN_THE_LOOP
        )
    policy = result.routing.policy
    served = result.served.model_dump(mode="json") if result.served else None
    certified = {
        "run": result.run_id,
        "instruction": result.instruction,
        "output": result.dataset.output.model_dump(mode="json"),
        "base": result.base_digest,
        "served": served,
        "digests": result.digests,
        "policy": policy.model_dump(mode="json"),
    }
    return Version(
        name=f"{task}@{version_name(result)}",
        task=task,
        run_id=result.run_id,
        arm=result.served.arm if result.served else "",
        digest=digest(certified),
        policy_digest=digest(policy.model_dump(mode="json")),
        loss=policy.loss,
        max_error=policy.max_error,
    )


def find_version(session: Session, run: str | None, arm: str | None) -> tuple[Version, RunResult]:
    """Return the version of a run (the newest by default) and of the arm that it chose, or another.

    Raises:
        UserError: ``no-such-run``, ``no-such-arm``, ``model-not-found``.
    """
    result = load(session.project.runs, run)[0]
    if arm is not None:
        result = with_arm(result, arm)
    return version_of(result, session.config.task.name), result


def require_certified(session: Session, version: Version) -> RunResult:
    """Return the result of a version's run, if it is still what was certified.

    Raises:
        UserError: ``no-such-run``, ``no-such-arm``.
        IntegrityError: ``digest-mismatch`` when the run's policy, prompt or files are other ones now.
    """
    found, result = find_version(session, version.run_id, version.arm or None)
    if found.digest != version.digest:
        raise IntegrityError(
            "digest-mismatch",
            f"{version.name} is not what was deployed: its policy, prompt, contract or files changed.",
            hint="Deploy it again if that was meant: insource deploy shadow",
        )
    return result


def shadow(
    session: Session,
    run: str | None = None,
    arm: str | None = None,
    *,
    only: Mapping[str, str] | None = None,
    clock: Clock = SYSTEM,
) -> Deployment:
    """Let a version answer calls that nobody sees, so that it can be compared with the cloud.

    Raises:
        UserError: as ``find_version`` and ``lifecycle.transitions.in_shadow``; ``no-cloud-to-compare``.
    """
    version, _ = find_version(session, run, arm)
    require_cloud(session)
    return _change(
        session,
        lambda before: in_shadow(before, version, clock.now(), only=only),
        "shadow",
        f"{version.name} answers unseen",
        version,
        clock,
    )


def canary(
    session: Session,
    run: str | None = None,
    arm: str | None = None,
    *,
    share: float | None = None,
    only: Mapping[str, str] | None = None,
    force: bool = False,
    clock: Clock = SYSTEM,
) -> Deployment:
    """Let a version answer the first share of the calls; gateways move it on or back by the evidence.

    Without a run, the version in shadow goes on. ``only`` restricts it to calls with these tags.

    Raises:
        UserError: as ``shadow``; ``nothing-to-serve`` for a policy that serves nothing, ``cooling-down`` for
            a version that was withdrawn a moment ago, both unless ``force``; ``loss-not-audited`` where
            ``rollout.slo`` has to say what audits may find.
    """
    section = session.config.rollout
    with open_registry(session.project.workspace) as registry:
        before = deployment_of(registry, session.config.task.name)
    if run is None and arm is None and before is not None and before.challenger is not None:
        run, arm = before.challenger.run_id, before.challenger.arm or None
    version, result = find_version(session, run, arm)
    require_cloud(session)
    if not force:
        _require_policy(version, result)
        _require_cooled_down(session, version, section, clock)
    require_audited(session, version, result)
    first = section.shares[0] if share is None else share
    return _change(
        session,
        lambda before: in_canary(before, version, first, clock.now(), only=only),
        "canary",
        f"{version.name} answers {first:.0%} of the calls{_restricted(only)}",
        version,
        clock,
    )


def promote(
    session: Session,
    run: str | None = None,
    arm: str | None = None,
    *,
    force: bool = False,
    clock: Clock = SYSTEM,
) -> Deployment:
    """Make a version answer all calls at once; without a run, the one in shadow or canary.

    Raises:
        UserError: ``no-challenger``; ``not-shown`` when the evidence does not allow it, unless ``force``.
    """
    task = session.config.task.name
    version = None if run is None else find_version(session, run, arm)[0]
    judged = None
    if not force:
        standing = status(session, clock=clock)
        judged = standing.deployment.revision if standing.deployment is not None else 0
        _require_shown(standing, version)

    def move(before: Deployment) -> Deployment:
        if version is not None and (before.challenger is None or before.challenger.digest != version.digest):
            before = in_canary(before.model_copy(update={"challenger": None}), version, 1.0, clock.now())
        return promoted(before, clock.now())

    reason = "forced by an operator" if force else "by an operator, on the evidence"
    about = f"answers all calls of {task!r}, {reason}"
    return _change(session, move, "promoted", about, version, clock, judged)


def rollback(session: Session, *, reason: str = "", clock: Clock = SYSTEM) -> Deployment:
    """Withdraw the version in shadow or canary; without one, go back from the champion to the one before.

    Raises:
        UserError: ``nothing-to-roll-back``.
    """
    return _change(
        session,
        lambda before: rolled_back(before, clock.now()),
        "rolled-back",
        reason or "by an operator",
        None,
        clock,
    )


def status(session: Session, *, clock: Clock = SYSTEM) -> Standing:
    """Return what is deployed for the project's task, and what a gateway would do now."""
    task, section = session.config.task.name, session.config.rollout
    with open_registry(session.project.workspace) as registry:
        deployment = deployment_of(registry, task)
        latest = events(registry, task, limit=LATEST_EVENTS)
        last = next(reversed(latest), None)
        today = spent_on_audits(registry, task, clock.now())
        spent = f"{today.usd:.4f}"
        if deployment is None:
            return Standing(None, None, (0, 0), spent, last)
        step, unseen = None, (0, 0)
        if deployment.stage == "shadow" and deployment.challenger is not None:
            unseen = _in_shadow(registry, deployment, deployment.challenger)
        in_canary_now = deployment.stage == "canary"
        watched = deployment.challenger if in_canary_now else deployment.champion
        if watched is not None:
            evidence, harm = _evidence(registry, deployment, watched, section, in_canary_now=in_canary_now)
            cause = _cause(session, registry, watched, harm)
            step = next_step(deployment, evidence, section, clock.now(), in_canary=in_canary_now, cause=cause)
    why = no_audits(deployment, today, section, latest)
    return Standing(deployment, step, unseen, spent, last, why)


def _evidence(
    registry: Database,
    deployment: Deployment,
    version: Version,
    section: RolloutSection,
    *,
    in_canary_now: bool,
) -> tuple[Evidence, Harm | None]:
    """Return the evidence about a version in canary or at full traffic, as a gateway weighs it."""
    began = deployment.challenger_revision if in_canary_now else deployment.champion_revision
    reader = AuditReader(registry, deployment.task, version.name, began)
    reader.read()
    slo = slo_of(version, section)
    audits = counted(reader.all, accepted_since(events(registry, deployment.task)))
    harm = first_harm(audits, slo, section, in_canary=in_canary_now)
    return evidence_of(audits, slo, section, step=deployment.step_revision), harm


def _cause(session: Session, registry: Database, version: Version, harm: Harm | None) -> Cause | None:
    """Return what the anchors say moved, as a gateway takes it: what cannot be read is open."""
    workspace, section = session.project.workspace, session.config.rollout
    slo, name = slo_of(version, section), version.name
    try:
        found = standing(registry, workspace, version.task, section, harm=harm, version=name, slo=slo)
    except IntegrityError:
        return "open"
    return None if found is None else found.cause


def history(session: Session, limit: int | None = None) -> tuple[DeploymentEvent, ...]:
    """Return what happened to the deployment of the project's task, oldest first."""
    with open_registry(session.project.workspace) as registry:
        return events(registry, session.config.task.name, limit=limit)


def deployed_version(session: Session) -> Version | None:
    """Return the version that answers most calls of the project's task, None if the registry has none."""
    with open_registry(session.project.workspace) as registry:
        found = deployment_of(registry, session.config.task.name)
    return None if found is None else found.champion or found.challenger


def _in_shadow(registry: Database, deployment: Deployment, version: Version) -> tuple[int, int]:
    reader = AuditReader(registry, deployment.task, version.name, deployment.challenger_revision)
    reader.read()
    found = [one for one in reader.all if one.source == "shadow" and one.served]
    return len(found), sum(one.wrong for one in found)


def _change(
    session: Session,
    move: Callable[[Deployment], Deployment],
    kind: EventKind,
    reason: str,
    version: Version | None,
    clock: Clock,
    judged: int | None = None,
) -> Deployment:
    """Make a move; ``judged`` is the revision that it was decided on, which has to be the present one."""
    task = session.config.task.name
    with open_registry(session.project.workspace) as registry:
        before = deployment_of(registry, task) or nothing_deployed(task, clock.now())
        about = version or before.challenger or before.champion
        event = DeploymentEvent(
            task=task,
            revision=before.revision,
            at=clock.now(),
            kind=kind,
            by=OPERATOR,
            reason=reason,
            version=about.name if about else "",
        )
        return swap(registry, move(before), event, expected=before.revision if judged is None else judged)


def require_cloud(session: Session) -> None:
    """Require a cloud that answers can be compared with.

    Raises:
        UserError: ``no-cloud-to-compare``.
    """
    reference, task = session.config.reference, session.config.task
    stays = task.privacy == "local-only" and not is_loopback(reference.base_url)
    if reference.model and not stays:
        return
    why = f"the task {task.name!r} is local-only" if stays else "no cloud is configured (reference.model)"
    raise UserError(
        "no-cloud-to-compare",
        f"A shadow or a canary compares with the cloud's answers, and {why}.",
        hint="Let it answer all callers by your own decision: insource deploy promote RUN --force",
    )


def _require_policy(version: Version, result: RunResult) -> None:
    policy = result.routing.policy if result.routing else None
    if policy is not None and policy.threshold is None:
        raise UserError(
            "nothing-to-serve",
            f"The policy of {version.name} serves no answer here: {policy.reason}",
            hint="Calibrate a bound that holds (insource run), or look first: insource deploy shadow",
        )


def _require_cooled_down(session: Session, version: Version, section: RolloutSection, clock: Clock) -> None:
    now = clock.now()
    for event in reversed(history(session)):
        withdrawn = event.kind in ("rolled-back", "guard-tripped") and event.version == version.name
        if withdrawn and event.by != OPERATOR and timedelta(0) <= now - event.at:
            left = section.cool_down_s - (now - event.at).total_seconds()
            if left > 0:
                raise UserError(
                    "cooling-down",
                    f"{version.name} was withdrawn {section.cool_down_s - left:.0f} s ago: {event.reason}.",
                    hint=f"Find the cause first. It may be deployed again in {left:.0f} s, or with --force.",
                )
            return


def _require_shown(standing: Standing, named: Version | None) -> None:
    """Require that the evidence allows the next step of the version named, or of the challenger."""
    deployment = standing.deployment
    challenger = deployment.challenger if deployment is not None else None
    about = named or challenger
    if deployment is None or about is None:
        raise UserError(
            "no-challenger", "No version is in shadow or canary.", hint="Start one: insource deploy canary"
        )
    same = challenger is not None and challenger.digest == about.digest
    step = standing.step if same and deployment.stage == "canary" else None
    if step is None or step.move not in ("advance", "widen", "promote"):
        raise UserError(
            "not-shown",
            f"{about.name} is not shown to be safe: {step.reason if step else 'it is not in canary'}.",
            hint="Let the canary go on, or decide it yourself: insource deploy promote --force",
        )


def _restricted(only: Mapping[str, str] | None) -> str:
    return " with " + ", ".join(f"{name}={value}" for name, value in only.items()) if only else ""


def version_label(version: Version | None) -> str:
    """Return a version's name with the start of its digest, or what answers without one."""
    return "the cloud" if version is None else f"{version.name} ({short(version.digest)})"
