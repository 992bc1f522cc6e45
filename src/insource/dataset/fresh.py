"""Rows that live traffic gave: what the cloud answered or a person corrected, each document once, in a file.

The file stands between the log and the builds: traffic goes on while a model is made, and a build has to read
the same rows again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from insource.config.dataset import CallsSection
from insource.dataset.sources.calls import SOURCE, row_of
from insource.dataset.sources.conversation import Conversations
from insource.dataset.sources.json_lines import JsonLines
from insource.dataset.splits.assign import CARVED
from insource.foundation.canonical import digest
from insource.foundation.errors import DataError
from insource.foundation.files import replace_text
from insource.logs.collect import ROW_TAG
from insource.logs.paid import ARM_SOURCE
from insource.logs.query import Log
from insource.similarity.near_duplicates import nearest
from insource.types import Call, Dropped, Row, Split

FILE_NAME = "fresh.jsonl"
KNOWN, ANCHOR, SUPERSEDED = "already-known", "anchor", "same-document"
CLOUD_MOVED = "cloud-moved"
_PAGE = 200


class Fresh(NamedTuple):
    """Rows in the order of their calls, and why other calls gave none, by reason."""

    rows: tuple[Row, ...]
    left_out: dict[str, int]

    @property
    def corrected(self) -> int:
        """Rows whose answer a person gave."""
        return sum(row.provenance.label == "checked" for row in self.rows)


class FreshRows:
    """The file as a source; its rows come from the log, and a purge of their calls names them.

    ``refuses`` returns why a row may not be trained on, empty when it may.

    Raises, when read:
        DataError: ``rows-unreadable``.
    """

    def __init__(self, path: Path, refuses: Callable[[Row], str] = lambda row: "") -> None:
        self.name = FILE_NAME
        self._file = JsonLines(path)
        self._refuses = refuses

    @property
    def notes(self) -> tuple[str, ...]:
        return self._file.notes

    def __iter__(self) -> Iterator[Row | Dropped]:
        for item in self._file:
            if isinstance(item, Row):
                origin = item.provenance.model_copy(update={"source": SOURCE, "line": None})
                item = item.model_copy(update={"provenance": origin, "line": None})
                if problem := self._refuses(item):
                    yield Dropped(row_id=item.row_id, line=None, reason="teacher-not-allowed", detail=problem)
                    continue
            yield item


def input_key(text: str) -> str:
    """Return what a document is known by."""
    return digest(text)


def fresh_rows(
    log: Log,
    task: str,
    calls: CallsSection,
    *,
    known: Container[str],
    before: Iterable[Row] = (),
    conversations: Conversations = "drop",
    teaches: Callable[[Row], bool] = lambda row: True,
) -> Fresh:
    """Return a row for each document of the task's traffic that a person or a cloud answered.

    Of several answers to one document the latest correction counts, else the cloud's latest. ``known`` has
    the ``input_key`` of the documents that other sources hold: they give no row. Rows of ``before`` stay,
    though the log may have forgotten their calls, unless there is a better answer now. ``teaches`` says
    whether an answer counts: not those of a cloud that moved.
    """
    best = {input_key(row.input): row for row in before}
    left_out: Counter[str] = Counter()
    for call, row in _answered(log, task, calls, conversations):
        if isinstance(row, Dropped):
            left_out[row.reason] += 1
        elif (key := input_key(row.input)) in known:
            left_out[KNOWN] += 1
        elif not teaches(row):
            left_out[CLOUD_MOVED] += 1
        else:
            earlier = best.get(key)
            left_out[SUPERSEDED] += earlier is not None and earlier.row_id != row.row_id
            best[key] = _better(earlier, _with_cloud(row, call))
    return Fresh(tuple(best.values()), {reason: count for reason, count in left_out.items() if count})


def without_anchors(found: Fresh, anchors: Sequence[str]) -> Fresh:
    """Return the rows without those that equal or nearly equal an anchor: training would spoil it."""
    near = nearest([row.input for row in found.rows], anchors) if anchors else (None,) * len(found.rows)
    kept = tuple(row for row, pair in zip(found.rows, near, strict=True) if pair is None)
    withheld = len(found.rows) - len(kept)
    return Fresh(kept, found.left_out | ({ANCHOR: withheld} if withheld else {}))


def placed(
    rows: Iterable[Row], given: Container[Split | None], shares: Mapping[Split, float], seed: int
) -> tuple[Row, ...]:
    """Return the rows with a split each, of those that another source gives; a build draws the others.

    Where a file says which rows are test, a build draws none, and new documents would all be trained on. The
    lot is that of the group, else of the document, so that it stays.
    """
    found = []
    for row in rows:
        lot, share = _lot(row.group or row.input, seed), 0.0
        for split in CARVED:
            share += shares.get(split, 0.0)
            if lot < share:
                row = row.model_copy(update={"split": split if split in given else None})
                break
        found.append(row)
    return tuple(found)


def write_fresh(path: Path, rows: Iterable[Row]) -> None:
    """Write the rows, replacing the file as a whole.

    Raises:
        DataError: ``dataset-not-written``.
    """
    text = "".join(json.dumps(_record(row), ensure_ascii=False) + "\n" for row in rows)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, text)
    except OSError as error:
        raise DataError(
            "dataset-not-written",
            f"{path} cannot be written: {error.strerror or error}.",
            hint="Free space or fix the permissions, and run the same command again.",
        ) from error


def read_fresh(path: Path) -> tuple[Row, ...]:
    """Return the rows of the file, none where it is not there."""
    return tuple(row for row in FreshRows(path) if isinstance(row, Row)) if path.exists() else ()


def without_calls(path: Path, call_ids: Container[str]) -> int:
    """Remove the rows of these calls from the file; return how many there were."""
    rows = read_fresh(path)
    kept = [row for row in rows if row.row_id not in call_ids]
    if len(kept) < len(rows):
        write_fresh(path, kept)
    return len(rows) - len(kept)


def _answered(
    log: Log, task: str, calls: CallsSection, conversations: Conversations
) -> Iterator[tuple[Call, Row | Dropped]]:
    """Yield the calls of the traffic, the oldest first; what was asked for a dataset is none of it."""
    page: list[Call] = []
    found = log.calls(
        task=None if task == "*" else task,
        prompt_version=calls.prompt_version,
        model=calls.model,
        provider=calls.provider,
        since=calls.since,
        until=calls.until,
    )
    for call in found:
        if call.source != ARM_SOURCE and ROW_TAG not in call.tags:
            page.append(call)
        if len(page) == _PAGE:
            yield from _rows(log, page, calls.group, conversations)
            page = []
    yield from _rows(log, page, calls.group, conversations)


def _rows(
    log: Log, page: list[Call], group: str, conversations: Conversations
) -> Iterator[tuple[Call, Row | Dropped]]:
    given = log.feedback(*(call.call_id for call in page)) if page else {}
    for call in page:
        yield call, row_of(call, given.get(call.call_id, ()), group, conversations)


def _better(earlier: Row | None, row: Row) -> Row:
    """Return the later row, unless only the earlier one has a person's answer."""
    if earlier is not None and earlier.provenance.label == "checked" and row.provenance.label != "checked":
        return earlier
    return row


def _with_cloud(row: Row, call: Call) -> Row:
    """Return the row with the cloud's answer beside its label, where its call has one.

    Answers of other calls stay out: a purge of those would not find them here.
    """
    outputs = {}
    by_cloud = call.route is None or (call.route.to == "cloud" and not call.route.cloud_fields)
    if by_cloud and call.outcome == "ok" and call.response_text.strip():
        outputs[call.model_answered or call.model_asked] = call.response_text
    return row.model_copy(update={"cloud_outputs": outputs})


def _lot(name: str, seed: int) -> float:
    """Return a number between 0 and 1 that name and seed fix."""
    lot = blake2b(name.encode(), digest_size=8, salt=b"fresh", key=str(seed).encode()).digest()
    return int.from_bytes(lot, "big") / 2**64


def _record(row: Row) -> dict[str, Any]:
    origin = row.provenance.model_dump(exclude={"source", "line"}, exclude_defaults=True)
    origin["label"] = row.provenance.label  # a model that is named is not to be taken for the label's
    record: dict[str, Any] = {"id": row.row_id, "input": row.input, "output": row.output}
    optional = {
        "split": row.split,
        "group": row.group,
        "time": row.time,
        "prompt": row.prompt,
        "cloud_outputs": row.cloud_outputs,
    }
    return record | {key: value for key, value in optional.items() if value} | {"provenance": origin}
