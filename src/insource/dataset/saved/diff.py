"""Compare two datasets: rows and their content, splits, drops, contract."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from insource.contract.resolved import resolved
from insource.dataset.saved.folder import check, examples
from insource.types import SPLITS, DatasetManifest, Example, Frozen, JsonSchema, Labels, OutputSpec

SHOWN = 8
_COMPARED = ("input", "target", "split", "provenance", "other")
_OTHER = (
    *("group", "time", "attributes", "contract"),
    *("cloud_outputs", "cloud_latency_s", "cloud_failures", "cloud_calls"),
)
_MOVING = {"source", "line"}  # where a row stands now is none of what it is


class RowChange(Frozen):
    """A row of both datasets that is not the same.

    ``what`` is ``input``, ``target``, ``split``, ``provenance``, or ``other``: group, time, attributes, the
    row's own schema, the cloud's answers.
    """

    row_id: str
    what: str
    before: str
    after: str


class DatasetDiff(Frozen):
    """The differences from ``before`` to ``after``.

    ``added`` and ``removed`` count rows by split, ``changed`` the rows of both by what changed; ``changes``
    are the first of them. ``counts`` and ``dropped`` are pairs.
    """

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
    digests: tuple[str, str]

    @property
    def equal(self) -> bool:
        """Whether both are the same to the byte."""
        return self.digests[0] == self.digests[1]

    @property
    def only_in_place(self) -> bool:
        """Whether rows, splits, drops and contract are the same, though the datasets are not ``equal``.

        They then differ in where rows stood in their source, in their order, or in the manifest's notes.
        """
        rows = self.added or self.removed or self.changed
        return not (self.equal or rows or self.contract or any(a != b for a, b in self.dropped.values()))


class _Seen(NamedTuple):
    split: int
    input: bytes
    target: bytes
    provenance: bytes
    other: bytes


def diff_datasets(before: Path, after: Path) -> DatasetDiff:
    """Compare two dataset folders row by row, by row id. Memory: some 300 bytes a row.

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
        found = [what for what in _COMPARED if getattr(was, what) != getattr(seen, what)]
        same += not found
        changed.update(found)
        if "split" in found:
            moved[f"{SPLITS[was.split]} → {SPLITS[seen.split]}"] += 1
        for what in found if len(changes) < SHOWN else ():
            changes.append(RowChange(row_id=row_id, what=what, before="", after=texts[what]))
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
        digests=(old.digest, new.digest),
    )


def _rows(folder: Path) -> Iterator[tuple[str, _Seen, dict[str, str]]]:
    for place, split in enumerate(SPLITS):
        for example in examples(folder, split):
            texts = _texts(example)
            seen = _Seen(place, **{what: _digest(text) for what, text in texts.items()})
            yield example.row_id, seen, texts | {"split": split}


def _texts(example: Example) -> dict[str, str]:
    origin = example.provenance.model_dump(mode="json", exclude=_MOVING, exclude_defaults=True)
    return {
        "input": example.input,
        "target": example.target,
        "provenance": json.dumps({"label": example.provenance.label, **origin}, ensure_ascii=False),
        "other": example.model_dump_json(include=set(_OTHER), exclude_defaults=True),
    }


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=12).digest()


def _with_earlier(before: Path, changes: list[RowChange]) -> tuple[RowChange, ...]:
    """Return the few shown changes with what stood there before, read once more."""
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
    if old.model_dump_json() == new.model_dump_json():
        return ()
    found: tuple[str, ...] = ()
    if isinstance(old, Labels) and isinstance(new, Labels):
        found = _set_changes("label", set(old.names), set(new.names))
    if isinstance(old, JsonSchema) and isinstance(new, JsonSchema):
        found = _schema_changes(old.generated, new.generated)
    return found or ("the same is written in another way or order, or given where it was inferred",)


def _schema_changes(old: dict[str, Any], new: dict[str, Any]) -> tuple[str, ...]:
    old, new = resolved(old), resolved(new)
    was, now = old.get("properties", {}), new.get("properties", {})
    fields = [
        f"field {name} has other bounds"
        if _plain(was[name]) == _plain(now[name])
        else f"field {name} is described differently"
        for name in was
        if name in now and was[name] != now[name]
    ]
    rest = [
        f"`{key}` of the schema is another"
        for key in sorted(old.keys() | new.keys())
        if key != "properties" and old.get(key) != new.get(key)
    ]
    return (*_set_changes("field", set(was), set(now)), *fields, *rest)


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
