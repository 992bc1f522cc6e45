"""Follow the registry and move the traffic of one task: the only place that decides by itself.

Every gateway has one. They may decide at the same time, because a decision is made only on the revision
that it was taken from; the others then follow it. All of it blocks, so it runs in a thread, and what it
changes for calls is one pointer: the snapshot. The pointer follows the registry whatever is wrong with the
evidence, so an operator's rollback always works.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import socket
import threading
from collections.abc import Callable, Sequence

from insource.foundation.clock import SYSTEM, Clock
from insource.foundation.errors import InsourceError, UserError
from insource.gateway.rollout.auditor import Auditor
from insource.gateway.rollout.traffic import Snapshot, Traffic
from insource.gateway.rollout.versions import MakeAnswerer, Versions
from insource.gateway.rollout.weighing import Weighing
from insource.gateway.settings import Registered, TaskSettings
from insource.gateway.tasks.answerer import Answerer
from insource.lifecycle.anchors.attribution import Harm
from insource.lifecycle.monitoring.alerts import MONITOR, audit_factor
from insource.lifecycle.rollout import Step, next_step
from insource.lifecycle.transitions import (
    advanced,
    champion_rolled_back,
    promoted,
    widened,
    withdrawn,
)
from insource.store.database import Database
from insource.store.deployments.audits import add_audits, spent_on_audits
from insource.store.deployments.registry import deployment_of, events, open_registry, record_event, swap
from insource.types.anchors import Cause
from insource.types.deployment import Deployment, DeploymentEvent, EventKind, Version

_LOG = logging.getLogger(__name__)
LATEST_EVENTS = 100
"""Events among which open alerts of the monitor are looked for."""

OPEN_AUDIT_FACTOR = 4.0
"""How many times as many audits are drawn while the anchors leave it open what moved."""
SPLIT = "the split of callers"

Move = Callable[[Deployment], Deployment]


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
        self._traffic, self._auditor, self._clock = traffic, auditor, clock
        self._first = first
        self._versions = Versions(own.registered, first, make)
        self._by = f"gateway {socket.gethostname()}:{os.getpid()}"
        self._registry: Database | None = None
        self._weighing: tuple[Weighing, ...] = ()
        self._told: set[str] = set()
        self._turning, self._closed = threading.Lock(), False

    def turn(self) -> None:
        """Follow the registry, write the audits, weigh the evidence and decide, once."""
        with self._turning:
            if self._closed:
                return
            try:
                self._turn()
            except UserError as error:
                if error.code != "deployment-changed":  # else another gateway or an operator was first
                    self.problem = error.message
            except InsourceError as error:
                self.problem = error.message
            except Exception as error:  # the next turn has to come, and the operator has to be told
                self.problem = f"{type(error).__name__}: {error}"
                _LOG.error("the controller of %s failed", self._task, exc_info=error)

    def close(self) -> None:
        """Write the last audits, and close the versions that were opened here."""
        with self._turning:
            self._closed = True
            if self._registry is not None:
                try:
                    self._write_audits(self._registry)
                except InsourceError as error:
                    self.problem = error.message
            if self._anchors is not None:
                self._anchors.close()
            self._versions.close()
            if self._registry is not None:
                self._registry.close()

    def _turn(self) -> None:
        registry = self._registry = self._registry or open_registry(self._registered.workspace)
        deployment = deployment_of(registry, self._task)
        if deployment is not None and (
            deployment.revision != self._traffic.snapshot.step or self._versions.retry_due
        ):
            self._follow(registry, deployment)
        self._write_audits(registry)
        if deployment is None:
            if self._anchors is not None:  # the cloud is watched all the same
                self._anchors.turn(None, self._first.name, self._first.served_here)
        else:
            self._versions.close_unused(_digests(deployment))
            champion = deployment.champion.name if deployment.champion is not None else ""
            latest = events(registry, self._task, limit=LATEST_EVENTS)
            told = events(registry, self._task, limit=LATEST_EVENTS, by=MONITOR)
            self._auditor.more = audit_factor(told, champion)
            self._tell_held(registry, deployment, latest)
            with contextlib.suppress(_Decided):
                self._withdraw_what_fails(registry, deployment)
                for weighing in self._weighing:
                    self._weigh(registry, deployment, weighing)
        self.problem = "" if self._anchors is None else self._anchors.problem

    def _write_audits(self, registry: Database) -> None:
        taken = self._auditor.take()
        try:
            add_audits(registry, taken)
        except InsourceError:
            self._auditor.give_back(taken)
            raise
        self._auditor.wrote()
        self._auditor.know(spent_on_audits(registry, self._task, self._clock.now()))

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

    def _follow(self, registry: Database, deployment: Deployment) -> None:
        """Open what is deployed, and let the calls go by it from now on."""
        before = self._traffic.snapshot
        now = Snapshot(
            champion=self._versions.of(deployment.champion),
            challenger=self._versions.of(deployment.challenger),
            previous=self._versions.of(deployment.previous),
            stage=deployment.stage,
            share=deployment.share,
            salt=deployment.salt,
            only=deployment.only,
            step=deployment.revision,
            deployed=deployment.champion is not None,
        )
        again = deployment.challenger_revision > before.step
        for one in now.versions:  # a version that was withdrawn may be deployed again
            if one not in before.versions or (again and one is now.challenger):
                one.restart()
        self._traffic.snapshot = now
        if deployment.revision != before.step:
            self._told.clear()
            watched = [(deployment.champion, False)]
            if deployment.stage == "canary":
                watched.insert(0, (deployment.challenger, True))
            self._weighing = tuple(
                Weighing(registry, deployment, version, self._section, in_canary=in_canary)
                for version, in_canary in watched
                if version is not None
            )

    def _withdraw_what_fails(self, registry: Database, deployment: Deployment) -> None:
        """Withdraw a challenger that a guard stopped or that cannot be opened; tell of such a champion."""
        now = self._traffic.snapshot
        for version, answerer in (
            (deployment.challenger, now.challenger),
            (deployment.champion, now.champion),
        ):
            if version is None:
                continue
            reason = answerer.guards.tripped if answerer is not None else self._versions.why_not(version)
            if not reason:
                continue
            reason = f"it cannot be opened: {reason}" if answerer is None else reason
            event = self._event(deployment, "guard-tripped", reason, version)
            if version is deployment.challenger:
                self._decide(registry, deployment, self._withdrawn, event)
            elif version.name not in self._told:
                self._told.add(version.name)
                record_event(registry, event)

    def _weigh(self, registry: Database, deployment: Deployment, weighing: Weighing) -> None:
        """Decide on the challenger in canary, or on the champion."""
        version, in_canary = weighing.version, weighing.in_canary
        accepted = None if self._anchors is None else self._anchors.not_before(version.name)
        evidence, harm = weighing.now(accepted)
        cause = self._cause(version, harm, in_canary=in_canary)
        at = self._clock.now()
        step = next_step(deployment, evidence, self._section, at, in_canary=in_canary, cause=cause)
        if in_canary and step.move != "roll-back" and self._wrongly_shared(registry, deployment, version):
            return
        self._act(registry, deployment, weighing, step)

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

    def _act(self, registry: Database, deployment: Deployment, weighing: Weighing, step: Step) -> None:
        at, only = self._clock.now(), deployment.only
        moves: dict[str, tuple[EventKind, Move, str]] = {
            "roll-back": (
                "rolled-back",
                self._withdrawn if weighing.in_canary else self._champion_rolled_back,
                "",
            ),
            "promote": ("promoted", lambda one: promoted(one, at), ""),
            "advance": (
                "advanced",
                lambda one: advanced(one, step.share, at),
                f"to {step.share:.0%} of the calls: ",
            ),
            "widen": (
                "advanced",
                lambda one: widened(one, step.share, at),
                f"from calls with {', '.join(only.values())} to {step.share:.0%} of all calls: ",
            ),
        }
        if step.move in moves:
            kind, move, what = moves[step.move]
            event = self._event(deployment, kind, what + step.reason, weighing.version)
            event = event.model_copy(update={"evidence": step.evidence.figures()})
            self._decide(registry, deployment, move, event)

    def _withdrawn(self, before: Deployment) -> Deployment:
        return withdrawn(before, self._clock.now())

    def _champion_rolled_back(self, before: Deployment) -> Deployment:
        return champion_rolled_back(before, self._clock.now())

    def _decide(self, registry: Database, deployment: Deployment, move: Move, event: DeploymentEvent) -> None:
        swap(registry, move(deployment), event, expected=deployment.revision)
        raise _Decided

    def _event(
        self, deployment: Deployment, kind: EventKind, reason: str, version: Version
    ) -> DeploymentEvent:
        return DeploymentEvent(
            task=self._task,
            revision=deployment.revision,
            at=self._clock.now(),
            kind=kind,
            by=self._by,
            reason=reason,
            version=version.name,
        )


def _digests(deployment: Deployment) -> set[str]:
    every = (deployment.champion, deployment.challenger, deployment.previous)
    return {version.digest for version in every if version is not None}


class _Decided(Exception):
    """The registry has a new revision; the next turn follows it."""
