"""The recorder: a call is on record before its answer is anybody's.

with Recorder.open(Path(".insource")) as recorder:
    recording = recorder.begin(request, model_asked="openai/gpt-4o-mini", task="specs")
    ...
    recording.end(response_text=answer, usage=usage)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from insource.clock import SYSTEM, Clock, to_microseconds
from insource.ids import uuid7
from insource.logs.redaction import RedactedIncrements, redact
from insource.models.protocol import Model, ModelInfo, Request
from insource.store.database import Database, open_database
from insource.store.drain import DrainReport, drain
from insource.store.spool import OnLogFailure, Spool
from insource.types import Call, Completion, FinishReason, Route, Usage
from insource.types.call import Outcome

STORE_FILE = "insource.db"
SPOOL_FOLDER = "spool"

Pricer = Callable[[str, Usage, datetime], Decimal | None]

_WITHHELD: dict[str, str] = {"redaction": "failed"}


class Recorder:
    """Records calls into a spool, and moves them from there into the store. Thread-safe."""

    def __init__(
        self, spool: Spool, database: Database, clock: Clock = SYSTEM, ids: Callable[[], str] = uuid7
    ) -> None:
        self.database = database
        self._spool = spool
        self._clock = clock
        self._ids = ids

    @classmethod
    @contextmanager
    def open(cls, root: Path, *, on_log_failure: OnLogFailure = "pass") -> Iterator[Self]:
        """A recorder on the folder ``root`` (usually ``.insource``): ``insource.db`` and ``spool/`` in it.

        Leaving the block moves everything into the store.

        Raises:
            InsourceError: ``spool-unwritable``, or the codes of ``open_database``.
        """
        with open_database(root / STORE_FILE) as database:
            recorder = cls(Spool(root / SPOOL_FOLDER, on_log_failure=on_log_failure), database)
            try:
                yield recorder
            finally:
                recorder.close()

    @property
    def lost(self) -> int:
        """Calls that could not be written since this recorder was made."""
        return self._spool.lost

    def begin(
        self,
        request: dict[str, Any],
        *,
        model_asked: str,
        task: str = "",
        tags: Mapping[str, str] | None = None,
        simulated: bool = False,
    ) -> Recording:
        """Write, redacted, that a call starts; it is written when this returns.

        Raises:
            PrerequisiteError: ``spool-unwritable`` under ``on_log_failure="refuse"``: do not make the call.
        """
        begun = Call(
            call_id=self._ids(),
            started_at=self._clock.now(),
            task=task,
            model_asked=model_asked,
            request=_redacted(request, _WITHHELD),
            simulated=simulated,
            tags=_redacted(dict(tags or {}), _WITHHELD),
        )
        recording = Recording(begun, self._spool, self._clock)
        written = {"task", "model_asked", "request", "simulated", "tags"}
        fields = {name: getattr(begun, name) for name in written}
        self._spool.begin(begun.call_id, fields | {"started_at": to_microseconds(begun.started_at)})
        return recording

    def flush(self) -> DrainReport:
        """Bring all that is written to the disk, and every finished call into the store.

        Raises:
            InsourceError: ``spool-unwritable`` or the store's codes; no call is lost by that.
        """
        self._spool.sync()
        return drain(self.database, self._spool.directory)

    def close(self) -> DrainReport:
        """As ``flush``, and end the spool: calls still open are stored as interrupted."""
        self._spool.close()
        return drain(self.database, self._spool.directory)


class Recording:
    """One call under way. Not for use by several threads at once."""

    def __init__(self, begun: Call, spool: Spool, clock: Clock) -> None:
        self.call_id = begun.call_id
        self.started_at = begun.started_at
        self._begun = begun
        self._spool = spool
        self._clock = clock
        self._started = clock.monotonic()
        self._first_token_s: float | None = None
        self._received: list[str] = []
        self._increments = RedactedIncrements()
        self._ended: Call | None = None

    def chunk(self, text: str) -> None:
        """Write a piece of a streamed answer, redacted; its last word waits for the piece after it."""
        if self._first_token_s is None:
            self._first_token_s = self._clock.monotonic() - self._started
        self._received.append(text)
        if increment := _redacted_increment(self._increments, text):
            self._spool.chunk(self.call_id, increment)

    def end(
        self,
        *,
        response_text: str | None = None,
        outcome: Outcome = "ok",
        finish_reason: FinishReason = "unknown",
        model_answered: str = "",
        usage: Usage | None = None,
        cost_usd: Decimal | None = None,
        status: int | None = None,
        error: str = "",
        first_token_s: float | None = None,
        latency_s: float | None = None,
        route: Route | None = None,
        simulated: bool | None = None,
    ) -> Call:
        """Write how the call ended; it is written when this returns. A second ``end`` changes nothing.

        ``response_text`` defaults to the chunks, ``latency_s`` and ``first_token_s`` to what was
        measured, ``simulated`` to what ``begin`` was told. Returns the call as the store will have it.

        Raises:
            PrerequisiteError: ``spool-unwritable`` under ``on_log_failure="refuse"``.
        """
        if self._ended is not None:
            return self._ended
        measured_s = self._clock.monotonic() - self._started
        text = "".join(self._received) if response_text is None else response_text
        ended = {
            "response_text": _redacted(text, ""),
            "outcome": outcome,
            "finish_reason": finish_reason,
            "model_answered": model_answered,
            "usage": usage or Usage(),
            "cost_usd": cost_usd,
            "status": status,
            "error": _redacted(error, ""),
            "first_token_s": self._first_token_s if first_token_s is None else first_token_s,
            "latency_s": measured_s if latency_s is None else latency_s,
            "route": route,
            "simulated": self._begun.simulated if simulated is None else simulated,
        }
        self._ended = self._begun.model_copy(update=ended)
        self._spool.end(self.call_id, self._ended.model_dump(mode="json", include=set(ended)))
        return self._ended


class RecordedModel:
    """A model whose every call is recorded, failures included.

    ``price`` gives the cost from model name, usage and start; without it the cost is unknown.
    """

    def __init__(
        self,
        model: Model,
        recorder: Recorder,
        task: str,
        *,
        price: Pricer | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        self._model = model
        self._recorder = recorder
        self._task = task
        self._price = price
        self._tags = dict(tags or {})

    @property
    def info(self) -> ModelInfo:
        return self._model.info

    def tagged(self, **tags: str) -> RecordedModel:
        """The same model whose calls carry these tags too, such as ``row_id``."""
        return RecordedModel(
            self._model, self._recorder, self._task, price=self._price, tags=self._tags | tags
        )

    def generate(self, request: Request) -> Completion:
        """As the model's own ``generate``, with the call on record when it returns or raises."""
        info = self._model.info
        recording = self._recorder.begin(
            {"model": info.name, **request.model_dump(mode="json", exclude_none=True)},
            model_asked=info.name,
            task=self._task,
            tags=self._tags,
            simulated=info.simulated,
        )
        try:
            completion = self._model.generate(request)
        except BaseException as error:
            outcome: Outcome = "error" if isinstance(error, Exception) else "interrupted"
            recording.end(outcome=outcome, error=f"{type(error).__name__}: {error}")
            raise
        recording.end(
            response_text=completion.text,
            finish_reason=completion.finish_reason,
            model_answered=completion.model or info.name,
            usage=completion.usage,
            cost_usd=self._cost(completion, recording.started_at),
            latency_s=completion.latency_s,
        )
        return completion

    def _cost(self, completion: Completion, at: datetime) -> Decimal | None:
        if self._price is None:
            return None
        asked = self._price(self._model.info.name, completion.usage, at)
        if asked is None and completion.model:
            return self._price(completion.model, completion.usage, at)
        return asked


def _redacted(value: Any, withheld: Any) -> Any:
    """The redacted value, or ``withheld`` when redaction fails: then only metadata may be written."""
    try:
        return redact(value)
    except Exception:  # whatever the reason, unredacted content must not reach the disk
        return withheld


def _redacted_increment(increments: RedactedIncrements, text: str) -> str:
    try:
        return increments.add(text)
    except Exception:  # as in ``_redacted``
        return ""
