"""People's feedback on answers. It is stored beside the call; the recorded answer never changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text, insert, select

from insource.foundation.clock import SYSTEM, Clock, from_microseconds, to_microseconds
from insource.foundation.errors import UserError
from insource.store.calls.table import CALLS
from insource.store.database import METADATA, Database
from insource.types import Frozen

Kind = Literal["correction", "rating"]

FEEDBACK = Table(
    "feedback",
    METADATA,
    Column("feedback_id", Integer, primary_key=True),
    Column("call_id", Text, ForeignKey("calls.call_id", ondelete="CASCADE"), nullable=False),
    Column("at", BigInteger, nullable=False),  # microseconds since the epoch
    Column("who", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("value", Text, nullable=False),
    Index("feedback_by_call", "call_id"),
)


class Feedback(Frozen):
    """A ``correction`` (``value`` is the right answer) or a ``rating`` (``up``, ``down``).

    Examples:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from insource import Feedback, Log, Recorder
        >>> with TemporaryDirectory() as folder:
        ...     with Recorder.open(Path(folder)) as recorder:
        ...         recording = recorder.begin({"messages": []}, model_asked="gpt-4o-mini", task="specs")
        ...         recording.end(response_text="480 V")
        ...     with Log(folder) as log:
        ...         given: Feedback = log.correct(recording.call_id, "400 V", who="Ann")
        >>> given.kind, given.value, given.who
        ('correction', '400 V', 'Ann')
    """

    call_id: str
    at: datetime
    who: str = ""
    kind: Kind
    value: str


def add_feedback(
    database: Database, call_id: str, kind: Kind, value: str, *, who: str = "", clock: Clock = SYSTEM
) -> Feedback:
    """Store feedback on a call. It is added to earlier feedback; of each kind, the latest one counts.

    Raises:
        UserError: ``call-not-found``.
    """
    given = Feedback(call_id=call_id, at=clock.now(), who=who, kind=kind, value=value)
    with database.write() as connection:
        if connection.execute(select(CALLS.c.call_id).where(CALLS.c.call_id == call_id)).first() is None:
            raise UserError(
                "call-not-found",
                f"There is no call {call_id!r} in the log.",
                hint="List the latest calls with their ids: insource logs list",
            )
        connection.execute(insert(FEEDBACK).values(given.model_dump() | {"at": to_microseconds(given.at)}))
    return given


def feedback_of(database: Database, call_ids: Sequence[str]) -> dict[str, tuple[Feedback, ...]]:
    """Return the feedback on these calls, earliest first; calls without feedback are left out."""
    query = select(FEEDBACK).where(FEEDBACK.c.call_id.in_(call_ids)).order_by(FEEDBACK.c.feedback_id)
    found: dict[str, tuple[Feedback, ...]] = {}
    with database.read() as connection:
        for row in connection.execute(query):
            fields = row._asdict()
            del fields["feedback_id"]
            one = Feedback(**fields | {"at": from_microseconds(fields["at"])})
            found[one.call_id] = (*found.get(one.call_id, ()), one)
    return found
