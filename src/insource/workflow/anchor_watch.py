"""Ask anchors and read the log beside the calls of a gateway, so that no call waits for it."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable

from insource.foundation.errors import InsourceError
from insource.lifecycle.anchors.attribution import Harm
from insource.lifecycle.anchors.kept import anchors_of
from insource.types import Task
from insource.types.anchors import Attribution
from insource.workflow.anchor_checks import LocalSide, check_anchors
from insource.workflow.ask_cloud import cloud_model
from insource.workflow.cloud_watch import watch_cloud
from insource.workflow.session import Session

LOOKS_PER_INTERVAL = 10
"""Between two looks at what is due, a multiple of ``rollout.interval_s``; new harm is looked at at once."""
WATCH_S = 60.0


class AnchorWatch:
    """What moved, by the anchors of one task; ``problem`` says why the last look failed, empty if it did not.

    A round is asked in a thread of its own, because it waits for the cloud dozens of times.
    """

    def __init__(self, session: Session, task: Task) -> None:
        self.problem = ""
        self._session, self._task = session, task
        self._look_s = LOOKS_PER_INTERVAL * session.config.rollout.interval_s
        self._found: Attribution | None = None
        self._worker: threading.Thread | None = None
        self._looked_at = self._watched_at = -float("inf")
        self._harmed = False
        self._versions: set[str] = set()
        self._by = f"gateway {socket.gethostname()}:{os.getpid()}"

    def turn(
        self, harm: Harm | None, version: str, answer: Callable[[str], str | None] | None
    ) -> Attribution | None:
        """Return what the anchors said last, and look in the background whether some are due; never wait.

        None is no opinion: the task has no anchors. ``harm`` is what the audits of ``version`` show;
        ``answer`` returns its local answer, None where its policy serves none.
        """
        now = time.monotonic()
        pressed = harm is not None and not self._harmed
        if not self._busy and (pressed or now - self._looked_at >= self._look_s):
            self._looked_at, self._harmed = now, harm is not None
            side = LocalSide(version, answer) if answer is not None else None
            self._worker = threading.Thread(target=self._look, args=(harm, side), daemon=True)
            self._worker.start()
        return self._found

    def close(self, wait_s: float = 5.0) -> None:
        """Wait a moment for a round under way; what it has not asked yet is asked next time."""
        if self._worker is not None:
            self._worker.join(wait_s)

    @property
    def _busy(self) -> bool:
        return self._worker is not None and self._worker.is_alive()

    def _look(self, harm: Harm | None, side: LocalSide | None) -> None:
        try:
            moved = self._watch()
            if not anchors_of(self._session.project.workspace, self._task.name).anchors:
                self._found = None
            elif (cloud := cloud_model(self._session)) is not None:
                asked = check_anchors(
                    self._session, self._task, cloud, harm=harm, local=side, forced=moved, by=self._by
                )
                self._found = asked.attribution
                self.problem = asked.stopped
                return
            self.problem = ""
        except InsourceError as error:
            if error.code != "anchors-busy":  # else another gateway is asking them
                self.problem = error.message

    def _watch(self) -> bool:
        """Look at the log now and then; return whether another version of the cloud answers since then."""
        if time.monotonic() - self._watched_at < WATCH_S:
            return False
        self._watched_at = time.monotonic()
        found = {one.key for one in watch_cloud(self._session, by=self._by) if one.kind == "model-version"}
        new, self._versions = found - self._versions, found
        return bool(new)
