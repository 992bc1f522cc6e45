"""Ask anchors and read the log beside the calls of a gateway, so that no call waits for it."""

from __future__ import annotations

import logging
import math
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from insource.foundation.errors import InsourceError
from insource.lifecycle.anchors.attribution import Harm, not_known
from insource.lifecycle.anchors.kept import anchors_of
from insource.lifecycle.anchors.standing import accepted_since
from insource.store.deployments.registry import events, open_registry
from insource.types import Task
from insource.types.anchors import Attribution
from insource.workflow.anchor_checks import LocalSide, check_anchors, standing_of
from insource.workflow.ask_cloud import cloud_model
from insource.workflow.cloud_watch import outage_of, tell_moved, watch_cloud
from insource.workflow.session import Session

LOOKS_PER_INTERVAL = 10
"""Between two looks at what is due, a multiple of ``rollout.interval_s``; new harm is looked at at once."""
WATCH_S = 60.0
_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class _Version:
    """What the anchors say of one version, and since when its audits showed the harm that was asked about."""

    said: Attribution | None = None
    harm_since: datetime | None = None
    looked_at: float = -math.inf
    harmed: bool = False
    turned_at: float = -math.inf


class AnchorWatch:
    """What moved, by the anchors of one task; ``problem`` says why the last look failed, empty if it did not.

    ``cloud_trouble`` says why doubtful answers are to be served here; it is empty while the cloud is asked,
    and always without ``rollout.on_cloud_trouble = "serve-locally"``.
    A round is asked in a thread of its own, because it waits for the cloud dozens of times.
    """

    def __init__(self, session: Session, task: Task) -> None:
        self.problem = self.cloud_trouble = ""
        self._told = False
        self._session, self._task = session, task
        self._look_s = LOOKS_PER_INTERVAL * session.config.rollout.interval_s
        self._none: bool | None = None  # None: the file of the anchors was not read yet
        self._versions: dict[str, _Version] = {}
        self._accepted: datetime | None = None
        self._worker: threading.Thread | None = None
        self._watched_at = -math.inf
        self._by = f"gateway {socket.gethostname()}:{os.getpid()}"

    def turn(
        self, harm: Harm | None, version: str, answer: Callable[[str], str | None] | None
    ) -> Attribution | None:
        """Return what the anchors said last of a version, and look in the background whether some are due.

        It never waits for the cloud. None is no opinion, only where the task has no anchors. ``open`` is said
        as long as nothing is known of this version, whatever the reason. ``harm`` is what the audits of
        ``version`` show; ``answer`` returns its local answer, None where its policy serves none.
        """
        if self._none is None:
            self._read()
        one, now = self._versions.setdefault(version, _Version()), time.monotonic()
        one.turned_at = now
        pressed = harm is not None and not one.harmed
        if not self._busy and (pressed or now - one.looked_at >= self._look_s):
            one.looked_at, one.harmed = now, harm is not None
            side = LocalSide(version, answer) if answer is not None else None
            self._worker = threading.Thread(target=self._look, args=(harm, version, side), daemon=True)
            self._worker.start()
        return None if self._none else self._said(harm, version, one)

    def not_before(self, version: str) -> datetime | None:
        """Return since when audits count at most: since the cloud was last accepted as it is.

        It is the same for each version, because all are compared with the one cloud.
        """
        return self._accepted

    def close(self, wait_s: float = 5.0) -> None:
        """Wait a moment for a round under way; what it has not asked yet is asked next time."""
        if self._worker is not None:
            self._worker.join(wait_s)

    @property
    def _busy(self) -> bool:
        return self._worker is not None and self._worker.is_alive()

    def _read(self) -> None:
        try:
            self._none = not anchors_of(self._session.project.workspace, self._task.name).anchors
        except InsourceError as error:
            self._tell(error.message)

    def _said(self, harm: Harm | None, version: str, one: _Version) -> Attribution:
        """Return what is known of a version; that it is to blame counts for the harm alone that it was of."""
        since = None if harm is None else harm.since
        if one.said is None or (one.said.cause == "local" and one.harm_since != since):
            return not_known(self.problem or f"the anchors have not been looked at for {version} yet")
        return one.said

    def _look(self, harm: Harm | None, version: str, side: LocalSide | None) -> None:
        try:
            problem = self._looked(harm, version, side)
        except InsourceError as error:
            # Another gateway may be asking them; what it records is read at the next look.
            problem = "" if error.code == "anchors-busy" else error.message
            self._none = None  # it may be the file that cannot be read
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            _LOG.exception("looking at the anchors of %s failed", self._task.name)
        self._tell(problem)

    def _tell(self, problem: str) -> None:
        if problem and problem != self.problem:
            _LOG.warning("the anchors of %s were not all asked: %s", self._task.name, problem)
        self.problem = problem

    def _looked(self, harm: Harm | None, version: str, side: LocalSide | None) -> str:
        """Note what is recorded, then ask what is due; return why not all of it was asked."""
        harm = self._counted(harm)
        known = standing_of(self._session, self._task.name, harm, version)
        self._note(harm, version, known)
        self._watch()
        self._move()
        if known is None or (cloud := cloud_model(self._session)) is None:
            return ""
        asked = check_anchors(self._session, self._task, cloud, harm=harm, local=side, by=self._by)
        self._note(harm, version, asked.attribution)
        self._move()
        return asked.stopped

    def _counted(self, harm: Harm | None) -> Harm | None:
        """Return the harm, None where the cloud was accepted since it was weighed."""
        with open_registry(self._session.project.workspace) as registry:
            accepted = accepted_since(events(registry, self._task.name))
        if accepted == self._accepted:
            return harm
        self._accepted = accepted
        return None

    def _note(self, harm: Harm | None, version: str, said: Attribution | None) -> None:
        self._none = said is None
        if said is not None:
            one = self._versions.setdefault(version, _Version())
            one.said, one.harm_since = said, None if harm is None else harm.since

    def _move(self) -> None:
        """Say whether doubtful answers are served here, where that is configured."""
        if self._session.config.rollout.on_cloud_trouble != "serve-locally":
            return
        since = time.monotonic() - self._look_s
        found = [one.said for one in list(self._versions.values()) if one.said and one.turned_at >= since]
        moved = next((one.reason for one in found if one.cause == "cloud"), "")
        trouble = moved or outage_of(self._session)
        if bool(trouble) != bool(self.cloud_trouble) or not self._told:
            tell_moved(self._session, trouble, by=self._by)
        self.cloud_trouble, self._told = trouble, True

    def _watch(self) -> None:
        """Look at the log now and then; another version of the cloud makes all anchors due."""
        if time.monotonic() - self._watched_at >= WATCH_S:
            self._watched_at = time.monotonic()
            watch_cloud(self._session, by=self._by)
