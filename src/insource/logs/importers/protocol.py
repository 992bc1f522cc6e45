"""What an importer is, and the frame the built-in ones share: a record in, calls out."""

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
from insource.types import Call

UNEXPECTED = "unexpected"


class Imported(NamedTuple):
    """A call, and the line (from 1; the row of a Parquet file) on which its record starts."""

    call: Call
    line: int


class Rejected(NamedTuple):
    """A record that could not be read, and why."""

    line: int
    reason: str


class Skipped(NamedTuple):
    """A record that is fine and no call to a model, such as a span of a vector search."""

    line: int
    reason: str


ReadOutcome = Imported | Rejected | Skipped


class Importer(Protocol):
    """Reads one format. Pure: the same bytes give the same calls, whatever was imported before.

    ``name`` is the format as typed by the user, ``about`` says in a line what files it reads.
    """

    @property
    def name(self) -> str: ...

    @property
    def about(self) -> str: ...

    def recognise(self, record: Mapping[str, Any]) -> str:
        """Why this record looks like one of the format's, in a few words; empty when it does not."""
        ...

    def read(self, file: BinaryIO, *, received_at: datetime) -> Iterator[ReadOutcome]:
        """Every record of the file in its order; nothing raises on what the bytes may be.

        Args:
            file: opened for reading bytes, seekable; gzip is unpacked on the way.
            received_at: the ``started_at`` of calls whose records know no time.
        """
        ...


@dataclass(frozen=True)
class CallDraft:
    """A call as a record tells it: fields of ``Call`` without ``call_id``, ``source`` and ``raw``.

    ``own_id`` is the record's own identifier, unique within the format, if it has one. ``raw`` is the
    record as found when that is not the whole record.
    """

    fields: Mapping[str, Any]
    own_id: str = ""
    raw: dict[str, Any] | None = None


@dataclass(frozen=True)
class RecordImporter:
    """An importer whose records are read one at a time by ``convert``.

    ``convert`` raises ``BadRecord`` for a record that cannot be read, ``NotACall`` for one that is none.
    """

    name: str
    about: str
    recognise: Callable[[Mapping[str, Any]], str]
    convert: Callable[[dict[str, Any]], Iterable[CallDraft]]

    def read(self, file: BinaryIO, *, received_at: datetime) -> Iterator[ReadOutcome]:
        identity = _Identity(self.name)
        for line, record in records(file):
            if isinstance(record, BadRecord):
                yield Rejected(line, str(record))
                continue
            try:
                for index, draft in enumerate(self.convert(record)):
                    yield self._outcome(line, draft, identity.of(draft, record, index), record, received_at)
            except NotACall as other:
                yield Skipped(line, str(other))
            except BadRecord as bad:
                yield Rejected(line, str(bad))
            except Exception as error:  # one record must not stop the rest; ``check_importer`` fails on it
                yield Rejected(line, f"{UNEXPECTED} {type(error).__name__}: {error}")

    def _outcome(
        self, line: int, draft: CallDraft, call_id: str, record: dict[str, Any], received_at: datetime
    ) -> ReadOutcome:
        fields = dict(draft.fields)
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

    A record with an identifier of its own is that record wherever it turns up. One without is its
    content, and the how-manieth of equal records in its file it is: two equal lines are two calls, and a
    later, longer export that begins with the same lines adds only the new ones. When equal records lie in
    two files that do not overlap they count once: too few is better than twice the bill. The content is
    digested before redaction, so that another redaction rule does not make another call of it.

    Only records without an identifier take memory: some 100 bytes each.
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
