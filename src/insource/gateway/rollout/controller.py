"""Follow the registry and move the traffic of one task: the only place that decides by itself.

Every gateway has one. They may decide at the same time, because a decision is made only on the revision
that it was taken from; the others then follow it. All of it blocks, so it runs in a thread, and what it
changes for calls is one pointer: the snapshot.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from insource.foundation.clock import SYSTEM, Clock
from insource.foundation.errors import InsourceError, UserError
from insource.gateway.rollout.auditor import Auditor
from insource.gateway.rollout.traffic import Snapshot, Traffic
from insource.gateway.settings import Registered, TaskSettings
from insource.gateway.tasks.answerer import Answerer
from insource.lifecycle.anchors.attribution import Harm
from insource.lifecycle.anchors.harm import first_harm
from insource.lifecycle.monitoring.alerts import audit_factor
from insource.lifecycle.rollout import Evidence, Step, evidence_of, next_step, slo_of
from insource.lifecycle.transitions import advanced, promoted, rolled_back
from insource.store.database import Database
from insource.store.deployments.audits import AuditReader, add_audits, spent_on_audits
from insource.store.deployments.registry import (
    deployment_of,
    events,
    open_registry,
    record_event,
    swap,
)
from insource.types.anchors import Cause
from insource.types.deployment import Deployment, DeploymentEvent, EventKind, Version

LATEST_EVENTS = 100
"""Events among which open alerts of the monitor are looked for."""

OPEN_AUDIT_FACTOR = 4.0
"""How many times as many audits are drawn while the anchors leave it open what moved."""
SPLIT = "the split of callers"
LATEST_AUDITS = 20_000
"""Audits of a champion that are weighed. Without older ones the detector has less evidence, never more."""

MakeAnswerer = Callable[[TaskSettings], Answerer]


class Controller:
    """Keeps the traffic of a task as the registry says, and moves it by the evidence.

    ``first`` is the version that the gateway was opened with. ``make`` makes an answerer of an open version.
    ``problem`` says why the last turn failed, empty if it did not.
    """

    def __init__(
        self,
        own: TaskSettings,
        traffic: Traffic,
        auditor: Auditor,
        first: Answerer,
        make: MakeAnswerer,
        clock: Clock = SYSTEM,
    ) -> None:
        assert own.registered is not None
        self.problem = ""
        self.interval_s = own.rollout.interval_s
        self._task = own.task.name
        self._registered: Registered = own.registered
        self._anchors = own.registered.anchors
        self._section = own.rollout
        self._traffic, self._auditor, self._make, self._clock = traffic, auditor, make, clock
        self._first = first
        self._open: dict[str, tuple[Answerer, ExitStack]] = {}
        self._unusable: dict[str, str] = {}
        self._by = f"gateway {socket.gethostname()}:{os.getpid()}"
        self._registry: Database | None = None
        self._audits: AuditReader | None = None
        self._weighed: tuple[Evidence, Harm | None] | None = None
        self._told: set[str] = set()

    def turn(self) -> None:
        """Write the audits, follow the registry, weigh the evidence and decide, once."""
        try:
            registry = self._registry = self._registry or open_registry(self._registered.workspace)
            self._write_audits(registry)
            deployment = deployment_of(registry, self._task)
            if deployment is None:
                if self._anchors is not None:  # the cloud is watched all the same
                    self._anchors.turn(None, self._first.name, self._first.served_here)
                    self.problem = self._anchors.problem
                return
            if deployment.revision != self._traffic.snapshot.step:
                self._follow(deployment)
            champion = deployment.champion.name if deployment.champion is not None else ""
            latest = events(registry, self._task, limit=LATEST_EVENTS)
            self._auditor.more = audit_factor(latest, champion)
            self._tell_held(registry, deployment, latest)
            with contextlib.suppress(_Decided):
                self._withdraw_what_fails(registry, deployment)
                self._weigh(registry, deployment)
            self.problem = "" if self._anchors is None else self._anchors.problem
        except UserError as error:
            if error.code != "deployment-changed":  # else another gateway or an operator was first
                self.problem = error.message
        except InsourceError as error:
            self.problem = error.message

    def close(self) -> None:
        """Write the last audits, and close the versions that were opened here."""
        try:
            if self._registry is not None:
                self._write_audits(self._registry)
        except InsourceError as error:
            self.problem = error.message
        if self._anchors is not None:
            self._anchors.close()
        for _, stack in self._open.values():
            stack.close()
        if self._registry is not None:
            self._registry.close()

    def _write_audits(self, registry: Database) -> None:
        taken = self._auditor.take()
        try:
            add_audits(registry, taken)
        except InsourceError:
            self._auditor.give_back(taken)
            raise
        self._auditor.wrote(spent_on_audits(registry, self._task, self._clock.now()))

    def _tell_held(
        self, registry: Database, deployment: Deployment, latest: Sequence[DeploymentEvent]
    ) -> None:
        """Tell once a step that it holds because no audits are made; ``deploy status`` repeats it."""
        why, version = self._auditor.held, deployment.challenger
        if deployment.stage != "canary" or version is None or not why:
            return
        told = any(
            one.kind == "held" and one.revision == deployment.revision and one.reason == why for one in latest
        )
        if not told:
            record_event(registry, self._event(deployment, "held", why, version))

    def _follow(self, deployment: Deployment) -> None:
        """Open what is deployed, and let the calls go by it from now on."""
        champion, challenger, previous = (
            None if version is None else self._answerer(version)
            for version in (deployment.champion, deployment.challenger, deployment.previous)
        )
        self._traffic.snapshot = Snapshot(
            champion=champion,
            challenger=challenger,
            previous=previous,
            stage=deployment.stage,
            share=deployment.share,
            salt=deployment.salt,
            only=deployment.only,
            step=deployment.revision,
        )
        self._told.clear()
        self._audits = self._weighed = None
        self._close_unused(deployment)

    def _answerer(self, version: Version) -> Answerer | None:
        """Return the open version, None if it cannot be opened; the calls then go on without it."""
        if version.digest == self._first.own.digest and self._first.local is not None:
            return self._first
        found = self._open.get(version.digest)
        if found is None:
            stack = ExitStack()
            try:
                found = self._make(stack.enter_context(self._registered.open(version))), stack
            except InsourceError as error:
                stack.close()
                self._unusable[version.digest] = error.message
                return None
            self._unusable.pop(version.digest, None)
            self._open[version.digest] = found
        return found[0]

    def _close_unused(self, deployment: Deployment) -> None:
        used = {
            version.digest
            for version in (deployment.champion, deployment.challenger, deployment.previous)
            if version is not None
        }
        for digest in [one for one in self._open if one not in used]:
            answerer, stack = self._open[digest]
            if not (answerer.line.under_way or answerer.line.waiting):
                del self._open[digest]
                answerer.line.close()
                stack.close()

    def _withdraw_what_fails(self, registry: Database, deployment: Deployment) -> None:
        """Withdraw a challenger that a guard stopped or that cannot be opened; tell of such a champion."""
        now = self._traffic.snapshot
        for version, answerer in (
            (deployment.challenger, now.challenger),
            (deployment.champion, now.champion),
        ):
            if version is None:
                continue
            reason = self._unusable.get(version.digest, "") if answerer is None else answerer.guards.tripped
            if not reason:
                continue
            reason = f"it cannot be opened: {reason}" if answerer is None else reason
            if version is deployment.challenger:
                self._decide(registry, deployment, rolled_back, "guard-tripped", reason, version)
            elif version.name not in self._told:
                self._told.add(version.name)
                record_event(registry, self._event(deployment, "guard-tripped", reason, version))

    def _weigh(self, registry: Database, deployment: Deployment) -> None:
        in_canary = deployment.stage == "canary"
        version = deployment.challenger if in_canary else deployment.champion
        if version is None:
            return
        if self._audits is None:
            since = deployment.challenger_since if in_canary else deployment.champion_since
            most = None if in_canary else LATEST_AUDITS
            self._audits = AuditReader(registry, self._task, version.name, since, most)
        if self._audits.read() or self._weighed is None:
            slo, step = slo_of(version, self._section), deployment.revision
            audits = list(self._audits.all)
            evidence = evidence_of(audits, slo, self._section, step=step)
            harm = first_harm(audits, slo, self._section, in_canary=in_canary)
            self._weighed = evidence, harm
        evidence, harm = self._weighed
        cause = self._cause(version, harm, in_canary=in_canary)
        move = next_step(deployment, evidence, self._section, self._clock.now(), cause=cause)
        if in_canary and self._wrongly_shared(registry, deployment, version):
            move = move._replace(move="roll-back" if move.move == "roll-back" else "hold")
        self._act(registry, deployment, version, move)

    def _wrongly_shared(self, registry: Database, deployment: Deployment, version: Version) -> bool:
        """Return whether callers are not shared as the step says; the first time, tell of it."""
        if self._traffic.split_evidence() < -math.log(self._section.alpha):
            return False
        if SPLIT not in self._told:
            self._told.add(SPLIT)
            assigned, share = self._traffic.assigned, deployment.share
            reason = (
                f"held: {assigned[True]} of {sum(assigned.values())} callers got the challenger, and the "
                f"step is {share:.0%}; look at what sets the header of users: insource logs list"
            )
            record_event(registry, self._event(deployment, "alert", reason, version))
        return True

    def _cause(self, version: Version, harm: Harm | None, *, in_canary: bool) -> Cause | None:
        """Return what the anchors say moved, None where there are none; it never waits for them."""
        if self._anchors is None:
            return None
        now = self._traffic.snapshot
        answerer = now.challenger if in_canary else now.champion
        found = self._anchors.turn(harm, version.name, None if answerer is None else answerer.served_here)
        if found is not None and found.cause == "open":
            self._auditor.more = max(self._auditor.more, OPEN_AUDIT_FACTOR)
        return None if found is None else found.cause

    def _act(self, registry: Database, deployment: Deployment, version: Version, step: Step) -> None:
        at = self._clock.now()
        figures = step.evidence.figures()
        if step.move == "roll-back":
            self._decide(registry, deployment, rolled_back, "rolled-back", step.reason, version, figures)
        elif step.move == "promote":
            self._decide(registry, deployment, promoted, "promoted", step.reason, version, figures)
        elif step.move == "advance":
            new = advanced(deployment, step.share, at)
            reason = f"to {step.share:.0%} of the calls: {step.reason}"
            swap(
                registry,
                new,
                self._event(deployment, "advanced", reason, version, figures),
                expected=deployment.revision,
            )
            raise _Decided

    def _decide(
        self,
        registry: Database,
        deployment: Deployment,
        move: Callable[..., Deployment],
        kind: EventKind,
        reason: str,
        version: Version,
        figures: dict[str, float | int | str] | None = None,
    ) -> None:
        event = self._event(deployment, kind, reason, version, figures)
        swap(registry, move(deployment, self._clock.now()), event, expected=deployment.revision)
        raise _Decided

    def _event(
        self,
        deployment: Deployment,
        kind: EventKind,
        reason: str,
        version: Version,
        figures: dict[str, float | int | str] | None = None,
    ) -> DeploymentEvent:
        return DeploymentEvent(
            task=self._task,
            revision=deployment.revision,
            at=self._clock.now(),
            kind=kind,
            by=self._by,
            reason=reason,
            version=version.name,
            evidence=figures or {},
        )


class _Decided(Exception):
    """The registry has a new revision; the next turn follows it."""
