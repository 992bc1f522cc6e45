"""What the log says of a cloud that changes: its versions, its prices, its outages, its end."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from insource.types.base import Frozen

CloudChange = Literal["model-version", "price", "outage", "deprecated"]


class CloudFinding(Frozen):
    """One change of a model of the cloud, as callers name it.

    ``since`` is the start of the first call that shows it. ``before`` and ``now`` are what changed: versions,
    relative prices, answered and failed calls. ``ongoing`` is False for an outage that ended. ``next`` is
    what to do.
    """

    kind: CloudChange
    model: str
    since: datetime
    before: str
    now: str
    said: str
    next: str
    ongoing: bool = True

    @property
    def key(self) -> str:
        """What tells this finding from others, so that it is told once."""
        if self.kind == "model-version":  # callers may have several names for one model
            return f"{self.kind}|{self.before}|{self.now}"
        return f"{self.kind}|{self.model}|{self.now if self.kind != 'outage' else self.since}"
