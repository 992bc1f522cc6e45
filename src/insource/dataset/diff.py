"""What changed between two datasets: rows, answers, splits, drops, contract."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from insource.dataset.folder import check, examples
from insource.types import SPLITS, DatasetManifest, Frozen, JsonSchema, Labels, OutputSpec

SHOWN = 8


class RowChange(Frozen):
    """A row of both datasets that is not the same: ``what`` is ``input``, ``target`` or ``split``."""

    row_id: str
    what: str
    before: str
    after: str


class DatasetDiff(Frozen):
    """From ``before`` to ``after``. ``added`` and ``removed`` count rows by split, ``changed`` the rows of
    both by what changed; ``changes`` are the first of them. ``counts`` and ``dropped`` are pairs."""

    before: str
    after: str
    same: int
    added: dict[str, int]
    removed: dict[str, int]
    changed: dict[str, int]
    moved: dict[str, int]
    changes: tuple[RowChange, ...]
    added_ids: tuple[str, ...]
    removed_ids: tuple[str, ...]
    counts: dict[str, tuple[int, int]]
    dropped: dict[str, tuple[int, int]]
    contract: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether both hold the same rows in the same splits, dropped the same and ask for the same."""
        rows = self.added or self.removed or self.changed
        return not (rows or self.contract or any(a != b for a, b in self.dropped.values()))


class _Seen(NamedTuple):
    split: int
    input: bytes
    target: bytes


def diff_datasets(before: Path, after: Path) -> DatasetDiff:
    """Compare two dataset folders row by row, by row id. Memory: some 200 bytes a row.

    Raises:
        DataError: ``dataset-not-found``.
        IntegrityError: ``digest-mismatch``.
    """
    old, new = check(before), check(after)
    known = {row_id: seen for row_id, seen, _ in _rows(before)}
    added: Counter[str] = Counter()
    changed: Counter[str] = Counter()
    moved: Counter[str] = Counter()
    changes: list[RowChange] = []
    added_ids: list[str] = []
    same = 0
    for row_id, seen, texts in _rows(after):
        was = known.pop(row_id, None)
        if was is None:
            added[SPLITS[seen.split]] += 1
            added_ids += [row_id] if len(added_ids) < SHOWN else []
            continue
        found = [what for what in ("input", "target", "split") if getattr(was, what) != getattr(seen, what)]
        same += not found
        changed.update(found)
        if "split" in found:
            moved[f"{SPLITS[was.split]} → {SPLITS[seen.split]}"] += 1
        for what in found if len(changes) < SHOWN else ():
            earlier = SPLITS[was.split] if what == "split" else ""
            changes.append(RowChange(row_id=row_id, what=what, before=earlier, after=texts[what]))
    removed = Counter(SPLITS[seen.split] for seen in known.values())
    return DatasetDiff(
        before=before.name,
        after=after.name,
        same=same,
        added=dict(added),
        removed=dict(removed),
        changed=dict(changed),
        moved=dict(moved.most_common()),
        changes=_with_earlier(before, changes),
        added_ids=tuple(added_ids),
        removed_ids=tuple(sorted(known)[:SHOWN]),
        counts={split: (old.counts.get(split, 0), new.counts.get(split, 0)) for split in SPLITS},
        dropped=_drops(old, new),
        contract=_contract_changes(old.output, new.output),
    )


def _rows(folder: Path) -> Iterator[tuple[str, _Seen, dict[str, str]]]:
    for place, split in enumerate(SPLITS):
        for example in examples(folder, split):
            seen = _Seen(place, _digest(example.input), _digest(example.target))
            yield example.row_id, seen, {"input": example.input, "target": example.target, "split": split}


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=12).digest()


def _with_earlier(before: Path, changes: list[RowChange]) -> tuple[RowChange, ...]:
    """The few shown changes with what stood there before, read once more."""
    wanted = {change.row_id for change in changes}
    texts = {row_id: found for row_id, _, found in _rows(before) if row_id in wanted} if wanted else {}
    return tuple(
        change.model_copy(update={"before": texts[change.row_id][change.what]}) for change in changes
    )


def _drops(old: DatasetManifest, new: DatasetManifest) -> dict[str, tuple[int, int]]:
    reasons = sorted(set(old.dropped) | set(new.dropped))
    return {reason: (old.dropped.get(reason, 0), new.dropped.get(reason, 0)) for reason in reasons}


def _contract_changes(old: OutputSpec, new: OutputSpec) -> tuple[str, ...]:
    if old.kind != new.kind:
        return (f"answers were {old.kind} and are {new.kind}",)
    if isinstance(old, Labels) and isinstance(new, Labels):
        return _set_changes("label", set(old.names), set(new.names))
    if isinstance(old, JsonSchema) and isinstance(new, JsonSchema):
        was, now = (spec.definition.get("properties", {}) for spec in (old, new))
        fields = _set_changes("field", set(was), set(now))
        differing = [name for name in was if name in now and _plain(was[name]) != _plain(now[name])]
        return (*fields, *(f"field {name} is described differently" for name in differing))
    return ()


def _set_changes(kind: str, was: set[str], now: set[str]) -> tuple[str, ...]:
    gone = [f"{kind} {name} is gone" for name in sorted(was - now)]
    return tuple(gone + [f"{kind} {name} is new" for name in sorted(now - was)])


def _plain(schema: Any) -> Any:
    """Without the bounds that inference takes from the largest value seen: those move with every row."""
    bounds = ("maxLength", "maxItems", "minimum", "maximum")
    return (
        {key: value for key, value in schema.items() if key not in bounds}
        if isinstance(schema, dict)
        else schema
    )
