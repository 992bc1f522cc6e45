"""The moves between deployments: each takes what is deployed, and returns what is deployed next."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime

from insource.foundation.errors import UserError
from insource.types.deployment import Deployment, Version


def nothing_deployed(task: str, now: datetime) -> Deployment:
    """Return the deployment of a task before its first version: the cloud answers."""
    return Deployment(task=task, champion_since=now, challenger_since=now, step_since=now)


def in_shadow(
    before: Deployment, version: Version, now: datetime, *, only: Mapping[str, str] | None = None
) -> Deployment:
    """Let a version answer calls that nobody sees.

    Raises:
        UserError: ``already-deployed``, or ``rollout-in-progress`` for another challenger.
    """
    _require_free(before, version)
    return _challenged(before, version, now, only).model_copy(update={"stage": "shadow", "share": 0.0})


def in_canary(
    before: Deployment,
    version: Version,
    share: float,
    now: datetime,
    *,
    only: Mapping[str, str] | None = None,
) -> Deployment:
    """Let a version answer a share of the calls; the version in shadow goes on as the same challenger.

    Raises:
        UserError: as ``in_shadow``.
    """
    _require_free(before, version)
    return _challenged(before, version, now, only).model_copy(update={"stage": "canary", "share": share})


def advanced(before: Deployment, share: float, now: datetime) -> Deployment:
    """Let the challenger answer a larger share of the calls."""
    return before.model_copy(update={"share": share, **_step(before, now)})


def widened(before: Deployment, share: float, now: datetime) -> Deployment:
    """Open a canary that was restricted to some calls to all of them, at the first share again."""
    return before.model_copy(update={"share": share, "only": {}, **_step(before, now)})


def promoted(before: Deployment, now: datetime) -> Deployment:
    """Make the challenger the champion; the old champion is kept to go back to.

    Raises:
        UserError: ``no-challenger``.
    """
    if before.challenger is None:
        raise UserError(
            "no-challenger",
            f"{before.task!r} has no version in shadow or canary to promote.",
            hint="Start one: insource deploy canary",
        )
    return before.model_copy(
        update={
            "champion": before.challenger,
            "previous": before.champion or before.previous,
            "challenger": None,
            "stage": "idle",
            "share": 0.0,
            "champion_since": now,
            "champion_revision": before.revision + 1,
            "only": {},
            **_step(before, now),
        }
    )


def rolled_back(before: Deployment, now: datetime) -> Deployment:
    """Withdraw the challenger; without one, roll back the champion.

    Raises:
        UserError: ``nothing-to-roll-back``.
    """
    return champion_rolled_back(before, now) if before.challenger is None else withdrawn(before, now)


def withdrawn(before: Deployment, now: datetime) -> Deployment:
    """Withdraw the challenger."""
    idle: dict[str, object] = {"challenger": None, "stage": "idle", "share": 0.0, "only": {}}
    return before.model_copy(update={**idle, **_step(before, now)})


def champion_rolled_back(before: Deployment, now: datetime) -> Deployment:
    """Go back from the champion to the version before it, or to the cloud; the challenger stays as it is.

    Raises:
        UserError: ``nothing-to-roll-back``.
    """
    if before.champion is None:
        raise UserError(
            "nothing-to-roll-back",
            f"No version of {before.task!r} answers calls; the cloud does.",
            hint="See what happened: insource deploy history",
        )
    return before.model_copy(
        update={
            "champion": before.previous,
            "previous": None,
            "champion_since": now,
            "champion_revision": before.revision + 1,
        }
    )


def _step(before: Deployment, now: datetime) -> dict[str, object]:
    """Return where a new step begins: at the revision that it will have."""
    return {"step_since": now, "step_revision": before.revision + 1}


def _require_free(before: Deployment, version: Version) -> None:
    if before.champion is not None and before.champion.digest == version.digest:
        raise UserError(
            "already-deployed",
            f"{version.name} answers the calls of {before.task!r} already.",
            hint="Deploy another run, or see what is deployed: insource deploy status",
        )
    other = before.challenger
    if other is not None and other.digest != version.digest:
        raise UserError(
            "rollout-in-progress",
            f"{other.name} is in {before.stage} at {before.share:.0%} of the calls of {before.task!r}.",
            hint="Let it end, promote it: insource deploy promote, or withdraw it: insource deploy rollback.",
        )


def _challenged(
    before: Deployment, version: Version, now: datetime, only: Mapping[str, str] | None
) -> Deployment:
    same = before.challenger is not None and before.challenger.digest == version.digest
    return before.model_copy(
        update={
            "challenger": version,
            "challenger_since": before.challenger_since if same else now,
            "challenger_revision": before.challenger_revision if same else before.revision + 1,
            **_step(before, now),
            "salt": before.salt if same else secrets.token_hex(8),
            "only": dict(only) if only is not None else before.only if same else {},
        }
    )
