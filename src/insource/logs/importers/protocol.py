"""The importer interface, and the shared frame of the built-in importers: a record in, calls out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, NamedTuple, Protocol

from pydantic import ValidationError

from insource.formats.containers import records
from insource.formats.values import BadRecord, NotACall
from insource.foundation.ids import uuid8
from insource.logs.importers.absent import without_placeholders
from insource.types import Call

UNEXPECTED = "unexpected"


class Imported(NamedTuple):
    """A call, and the line on which its record starts (from 1; for Parquet, the row)."""

    call: Call
    line: int


class Rejected(NamedTuple):
    """A record that could not be read, and the reason."""

    line: int
    reason: str


class Skipped(NamedTuple):
    """A valid record that is not a call to a model, such as a span of a vector search."""

    line: int
    reason: str


ReadOutcome = Imported | Rejected | Skipped


class Importer(Protocol):
    """Reads one format. Pure: the same bytes always give the same calls.

    ``name`` is the format as the user types it; ``about`` describes in one line which files it reads.
    """

    @property
    def name(self) -> str: ...

    @property
    def about(self) -> str: ...

    def recognise(self, record: Mapping[str, Any]) -> str:
        """Return why this record looks like this format, in a few words; empty when it does not."""
        ...

    def read(self, file: BinaryIO, *, received_at: datetime) -> Iterator[ReadOutcome]:
        """Yield every record of the file in order; invalid content never raises.

        Args:
            file: opened in binary mode, seekable; gzip is unpacked.
            received_at: the ``started_at`` of calls whose records have no time.
        """
        ...


@dataclass(frozen=True)
class CallDraft:
    """A call as a record describes it: fields of ``Call`` without ``call_id``, ``source`` and ``raw``.

    ``own_id`` is the record's own identifier, unique within the format, if it has one. ``raw`` is the raw
    content of the call when that is not the whole record.
    """

    fields: Mapping[str, Any]
    own_id: str = ""
    raw: dict[str, Any] | None = None


@dataclass(frozen=True)
class RecordImporter:
    """An importer that reads records one at a time with ``convert``.

    ``convert`` raises ``BadRecord`` for a record that cannot be read, and ``NotACall`` for one that is not a
    call. A record with several parts yields them: each part is imported, rejected or skipped by itself.
    """

    name: str
    about: str
    recognise: Callable[[Mapping[str, Any]], str]
    convert: Callable[[dict[str, Any]], Iterable[CallDraft | NotACall | BadRecord]]

    def read(self, file: BinaryIO, *, received_at: datetime) -> Iterator[ReadOutcome]:
        identity = _Identity(self.name)
        for line, record in records(file):
            if isinstance(record, BadRecord):
                yield Rejected(line, str(record))
                continue
            try:
                yield from self._parts(line, record, identity, received_at)
            except NotACall as other:
                yield Skipped(line, str(other))
            except BadRecord as bad:
                yield Rejected(line, str(bad))
            except Exception as error:  # one record must not stop the import; ``check_importer`` fails on it
                yield Rejected(line, f"{UNEXPECTED} {type(error).__name__}: {error}")

    def _parts(
        self, line: int, record: dict[str, Any], identity: _Identity, received_at: datetime
    ) -> Iterator[ReadOutcome]:
        calls = 0
        for part in self.convert(record):
            if isinstance(part, NotACall):
                yield Skipped(line, str(part))
            elif isinstance(part, BadRecord):
                yield Rejected(line, str(part))
            else:
                yield self._outcome(line, part, identity.of(part, record, calls), record, received_at)
                calls += 1

    def _outcome(
        self, line: int, draft: CallDraft, call_id: str, record: dict[str, Any], received_at: datetime
    ) -> ReadOutcome:
        fields = without_placeholders(draft.fields)
        if fields.get("started_at") is None:
            fields["started_at"] = received_at
            fields["tags"] = {**fields.get("tags", {}), "started_at": "import"}
        raw = record if draft.raw is None else draft.raw
        try:
            call = Call(call_id=call_id, source=f"import:{self.name}", raw=raw, **fields)
        except ValidationError as error:
            return Rejected(line, _first_reason(error))
        return Imported(call, line)


@dataclass
class _Identity:
    """Call ids that are the same in every import of the same record.

    A record with its own identifier gets the same id wherever it occurs. The id of one without depends on its
    content and on its position among equal records of the file. Two equal lines are therefore two calls, and
    a longer export that begins with the same lines adds only the new ones. Equal records in two files that do
    not overlap count once, because a missing call is better than counting a cost twice. The digest is taken
    before redaction, so that changed redaction rules do not create new calls.

    Only records without an identifier take memory, about 100 bytes each.
    """

    format: str
    _seen: dict[int, int] = field(default_factory=dict)

    def of(self, draft: CallDraft, record: Mapping[str, Any], index: int) -> str:
        if draft.own_id:
            return uuid8(self.format, "id", draft.own_id)
        spelled = json.dumps([draft.raw or record, index], sort_keys=True, default=str)
        content = hashlib.sha256(spelled.encode()).digest()
        key = int.from_bytes(content[:8], "big")
        ordinal = self._seen[key] = self._seen.get(key, 0) + 1
        return uuid8(self.format, "content", content.hex(), str(ordinal))


def _first_reason(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in found['loc'])}: {found['msg']}"
