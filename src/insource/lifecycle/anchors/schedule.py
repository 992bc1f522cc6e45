"""Which anchors to send to the cloud now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from insource.lifecycle.anchors.attribution import BASELINE
from insource.stats.late_change import WINDOWS
from insource.types.deployment import AnchorCheck

FIRST_ROUNDS = 1 + BASELINE
"""How often an anchor is asked when it is added: how much an unchanged cloud varies has to be known first."""
PRESSED_S = 600.0
"""Seconds between two rounds while it is open what moved."""
PRESSED_ROUNDS = max(WINDOWS)
"""Rounds after harm was shown, before the anchors go back to their schedule: more tell hardly more."""


def due(
    anchor_ids: Sequence[str],
    checks: Sequence[AnchorCheck],
    now: datetime,
    *,
    every_s: float,
    harm_since: datetime | None,
    forced: bool = False,
    moved_at: datetime | None = None,
) -> tuple[str, ...]:
    """Return the anchors to ask, round by round; those asked least recently come first.

    New ones are asked ``FIRST_ROUNDS`` times; all others every ``every_s`` seconds, at once after harm was
    shown, and then every ``PRESSED_S`` until ``PRESSED_ROUNDS`` are through. A clock that
    was set back asks early rather than never. ``forced`` asks all once; ``moved_at``, when another version of
    the cloud was noticed, those that were not asked since then.
    """
    asked: dict[str, list[datetime]] = {anchor: [] for anchor in anchor_ids}
    for check in checks:
        if check.side == "cloud" and check.anchor_id in asked:
            asked[check.anchor_id].append(check.at)
    last = {anchor: max(times) for anchor, times in asked.items() if times}
    order = sorted(anchor_ids, key=lambda anchor: (anchor in last, last.get(anchor, now)))
    found = [anchor for number in range(FIRST_ROUNDS) for anchor in order if len(asked[anchor]) <= number]
    if found:
        return tuple(found)
    return tuple(
        anchor
        for anchor in order
        if forced
        or (moved_at is not None and last[anchor] < moved_at)
        or _is_due(asked[anchor], now, every_s, harm_since)
    )


def _is_due(times: Sequence[datetime], now: datetime, every_s: float, harm_since: datetime | None) -> bool:
    waited = now - max(times)
    if waited < timedelta(0) or waited >= timedelta(seconds=every_s):
        return True
    if harm_since is None:
        return False
    since = sum(at > harm_since for at in times)
    return since == 0 or (since < PRESSED_ROUNDS and waited >= timedelta(seconds=min(PRESSED_S, every_s)))
