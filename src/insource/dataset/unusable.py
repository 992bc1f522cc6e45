"""Report rows that cannot be used, and splits that would be empty."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from insource.dataset.settings import BuildSettings
from insource.foundation.errors import DataError
from insource.types import SPLITS, Dropped, Split

SHOWN = 8
_MISFITS = {"schema-violation", "unknown-label", "unwritable-label"}


def bad_rows(name: str, bad: Sequence[Dropped], read: int) -> DataError:
    """Return the error of a source with these unusable rows among those ``read``."""
    bad = sorted(bad, key=lambda drop: drop.line or 0)
    totals = Counter(drop.reason for drop in bad)
    offenders = [f"{_place(name, drop)}: {drop.reason}: {drop.detail}" for drop in bad[:SHOWN]]
    if len(bad) > SHOWN:
        offenders.append(f"… and {len(bad) - SHOWN} more")
    counted = ", ".join(f"{reason} {count}" for reason, count in totals.most_common())
    misfit = set(totals) <= _MISFITS
    problem = "do not fit the output contract" if misfit else "cannot be used"
    leave_out = ', or leave them out: set `on_bad_rows = "drop"` under [dataset]' if len(bad) < read else ""
    return DataError(
        "labels-do-not-fit" if misfit else "bad-rows",
        f"{len(bad)} of {read} rows {problem}: {counted}.",
        hint=f"Correct these lines{leave_out}.",
        details=tuple(offenders),
    )


def check_sizes(counts: Mapping[Split, int], settings: BuildSettings, name: str, *, stored: bool) -> None:
    """Refuse a dataset with an empty split.

    Raises:
        DataError: ``empty-split``.
    """
    empty = [split for split in SPLITS if not counts[split]]
    if not empty:
        return
    shown = ", ".join(f"{split} {counts[split]}" for split in SPLITS)
    unasked = [split for split in empty if not settings.fractions.get(split)]
    if unasked:
        hint = f'Give {unasked[0]} a fraction above 0, or rows with `"split": "{unasked[0]}"`.'
    elif stored:
        hint = (
            "These rows stay in the splits where earlier builds put them: take more rows, or give the "
            "smaller set a `[task] name` of its own, for which splits are drawn anew."
        )
    elif settings.group_by in ("group", "template"):
        hint = (
            f"Whole {settings.group_by}s are too few or too large for that; "
            'set `group_by = "input"` under [dataset].'
        )
    else:
        hint = (
            "At least 4 rows with different inputs are needed when no split is given, one for each split; "
            f'add rows, or mark some with `"split": "{empty[0]}"`.'
        )
    raise DataError(
        "empty-split",
        f"No row would be left in {', '.join(empty)}: {name} has {sum(counts.values())} usable rows.",
        hint=hint,
        details=(f"Rows by split: {shown}.",),
    )


def _place(name: str, drop: Dropped) -> str:
    return f"{name}:{drop.line}" if drop.line is not None else f"{name}: {drop.row_id}"
