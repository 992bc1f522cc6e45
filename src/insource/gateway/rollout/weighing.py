"""The audits of one version in one role, weighed as they come."""

from __future__ import annotations

from datetime import datetime

from insource.config.rollout import RolloutSection
from insource.lifecycle.anchors.attribution import Harm
from insource.lifecycle.anchors.harm import first_harm
from insource.lifecycle.anchors.standing import counted
from insource.lifecycle.rollout import Evidence, evidence_of, slo_of
from insource.store.database import Database
from insource.store.deployments.audits import AuditReader
from insource.types.deployment import Deployment, Version

LATEST_AUDITS = 5_000
"""Audits of a champion that are weighed. Without older ones the detector has less evidence, never more."""


class Weighing:
    """The evidence about a challenger in canary, or about a champion, at one revision of the deployment."""

    def __init__(
        self,
        registry: Database,
        deployment: Deployment,
        version: Version,
        section: RolloutSection,
        *,
        in_canary: bool,
    ) -> None:
        began = deployment.challenger_revision if in_canary else deployment.champion_revision
        most = None if in_canary else LATEST_AUDITS
        self.version, self.in_canary = version, in_canary
        self._section, self._step = section, deployment.step_revision
        self._audits = AuditReader(registry, deployment.task, version.name, began, most)
        self._not_before: datetime | None = None
        self._weighed: tuple[Evidence, Harm | None] | None = None

    def now(self, not_before: datetime | None = None) -> tuple[Evidence, Harm | None]:
        """Read what is new; return the evidence until now, and since when it shows harm.

        Audits before ``not_before`` do not count: they compare with another cloud.
        """
        if self._audits.read() or self._weighed is None or not_before != self._not_before:
            self._weighed, self._not_before = None, not_before  # what fails is weighed again next time
            slo, audits = slo_of(self.version, self._section), counted(self._audits.all, not_before)
            evidence = evidence_of(audits, slo, self._section, step=self._step)
            self._weighed = evidence, first_harm(audits, slo, self._section, in_canary=self.in_canary)
        return self._weighed
