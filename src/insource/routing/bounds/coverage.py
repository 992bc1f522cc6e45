"""Which groups a policy's guarantee covers: those of its calibration documents, or the mean over new ones."""

from __future__ import annotations

from collections.abc import Iterable

from insource.foundation.canonical import digest, short
from insource.types import EvalRecord, Policy


def group_digest(group: str) -> str:
    """Return the digest by which a policy names a group."""
    return short(digest(group))


def covers(policy: Policy, group: str | None) -> bool | None:
    """Return whether a policy's guarantee covers the documents of a group; None where that is not known."""
    if policy.basis != "guaranteed":
        return False
    if policy.unit == "groups":
        return True
    return None if group is None else is_known(policy, group)


def is_known(policy: Policy, group: str) -> bool | None:
    """Return whether calibration documents were of this group; None where those had no groups."""
    return group_digest(group) in policy.calibrated_groups if policy.calibrated_groups else None


def known_groups(records: Iterable[EvalRecord]) -> tuple[str, ...]:
    """Return the digests of the groups of these records, where several documents share one."""
    named = [record.group for record in records if record.group is not None]
    return tuple(sorted(map(group_digest, set(named)))) if len(set(named)) < len(named) else ()
