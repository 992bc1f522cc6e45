"""Which version of a task answers a call."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

from insource.gateway.tasks.answerer import Answerer
from insource.stats.sample_ratio import sample_ratio_evidence
from insource.types.deployment import Stage

NOT_DEPLOYED, NOT_IN_CANARY, IN_SHADOW = "not-deployed", "not-in-canary", "in-shadow"
CIRCUIT_OPEN, NOT_OPEN = "circuit-open", "not-open"
BUCKETS = 10_000


class Snapshot(NamedTuple):
    """The versions that are open, and how calls are shared between them. It is replaced as a whole.

    ``deployed`` says that there is a champion, which ``champion`` has only if it could be opened.
    """

    champion: Answerer | None = None
    challenger: Answerer | None = None
    previous: Answerer | None = None
    stage: Stage = "idle"
    share: float = 0.0
    salt: str = ""
    only: Mapping[str, str] = {}
    step: int = 0
    deployed: bool = False

    @property
    def versions(self) -> tuple[Answerer, ...]:
        """The open versions, the one that answers most calls first."""
        return tuple(one for one in (self.champion, self.challenger, self.previous) if one is not None)


class Pick(NamedTuple):
    """What becomes of a call: who answers it, None for the cloud and then why; who is asked unseen."""

    answerer: Answerer | None
    shadow: Answerer | None = None
    reason: str = ""
    snapshot: Snapshot = Snapshot()


class Traffic:
    """Shares the calls of a task between its versions.

    ``assigned`` counts those to whom a canary was open, each once, by whether the challenger got them.
    """

    def __init__(self, task: str, champion: Answerer | None) -> None:
        self.snapshot = Snapshot(champion=champion)
        self.assigned = {True: 0, False: 0}
        self._counted: tuple[str, float] = ("", 0.0)
        self._seen: set[int] = set()
        self._task = task

    def pick(self, who: str, tags: Mapping[str, str], *, fails_open: bool, named: str = "") -> Pick:
        """Return who answers the call of ``who``, who always gets the same version at a given share.

        ``named`` is the model that the call asks for: an open version of that name answers it.
        ``fails_open`` says that there is a cloud: a version that a guard stopped is then not asked.
        """
        now = self.snapshot
        if named and (asked := next((one for one in now.versions if one.name == named), None)):
            return Pick(asked, snapshot=now)
        if now.stage == "canary" and now.challenger is not None and _matches(now.only, tags):
            bucket = bucket_of(self._task, who, now.salt)
            chosen = bucket < round(now.share * BUCKETS)
            self._count(now, bucket, chosen)
            another = fails_open or now.champion is not None
            if chosen and not (another and now.challenger.stopped):
                return Pick(now.challenger, snapshot=now)
        shadow = now.challenger if now.stage == "shadow" and _matches(now.only, tags) else None
        if now.champion is None:
            without = {"canary": NOT_IN_CANARY, "shadow": IN_SHADOW, "idle": NOT_DEPLOYED}[now.stage]
            return Pick(None, shadow, NOT_OPEN if now.deployed else without, now)
        if fails_open and now.champion.stopped:
            return Pick(None, shadow, CIRCUIT_OPEN, now)
        return Pick(now.champion, shadow, snapshot=now)

    def _count(self, now: Snapshot, bucket: int, chosen: bool) -> None:
        """Count who called, once for each step: a second call of the same caller tells nothing."""
        if self._counted != (now.salt, now.share):
            self._counted = now.salt, now.share
            self.assigned, self._seen = {True: 0, False: 0}, set()
        if bucket not in self._seen:
            self._seen.add(bucket)
            self.assigned[chosen] += 1

    def split_evidence(self) -> float:
        """Return the log evidence that callers are not shared as the step says; 0 where there is no share."""
        share = round(self.snapshot.share * BUCKETS) / BUCKETS
        if self.snapshot.stage != "canary" or not 0 < share < 1 or self._counted[1] != self.snapshot.share:
            return 0.0
        return sample_ratio_evidence(self.assigned[True], sum(self.assigned.values()), share)


def bucket_of(task: str, who: str, salt: str) -> int:
    """Return a number below ``BUCKETS`` that depends on nothing else, evenly over those who call."""
    digest = hashlib.blake2b(f"{task}\0{salt}\0{who}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) % BUCKETS


def _matches(only: Mapping[str, str], tags: Mapping[str, str]) -> bool:
    return all(tags.get(name) == value for name, value in only.items())
