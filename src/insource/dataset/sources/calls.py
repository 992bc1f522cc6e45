"""Read the calls of a task from the log; a person's correction comes before the model's answer."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Container, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, cast

from insource.config.dataset import CallsSection
from insource.contract.reasoning import without_reasoning
from insource.dataset.rows.records import BadRow
from insource.dataset.sources.conversation import Conversations, asked
from insource.foundation.clock import iso
from insource.foundation.errors import DataError, InsourceError
from insource.logs.paid import ARM_SOURCE
from insource.logs.query import Log, Where
from insource.providers.output_limit import output_limit
from insource.providers.requests import called_tool
from insource.store.calls.calls import calls_routed
from insource.store.calls.feedback import Feedback
from insource.types import TOKEN_LIMIT, Call, Dropped, Provenance, Row
from insource.types.ways import WAITS_FOR_A_PERSON

SOURCE = "log"
_PAGE = 200
_LOOKED_AT = 1000
_VALUES: dict[str, Callable[[Call], str]] = {
    "task": lambda call: call.task,
    "provider": lambda call: call.provider,
    "model": lambda call: call.model_answered or call.model_asked,
    "prompt_version": lambda call: call.prompt_version,
    "outcome": lambda call: call.outcome,
}
_NOT_GENERATION = frozenset({"embeddings", "other"})


class LoggedCalls:
    """A row a call, in the order they started. What has no usable answer is left out with its reason.

    A correction is the answer and ``checked``, whatever the model said. Without one the answer is the
    ``teacher``'s for ever. Calls that were simulated are never rows. Neither are answers of a local model,
    whole or in some fields, that nobody corrected: they would teach it its own mistakes.

    Raises, when read:
        UserError: ``no-log``.
        DataError: ``no-rows`` when no call meets the conditions, naming the first that none meets.
        InsourceError: the codes of ``open_database``.
    """

    def __init__(
        self, workspace: Path, calls: CallsSection, *, task: str, conversations: Conversations = "drop"
    ) -> None:
        self.name = SOURCE
        self._workspace = workspace
        self._calls = calls
        self._task = calls.task or task
        self._conversations: Conversations = conversations
        self._passed: Counter[str] = Counter()
        self._waiting = ""
        self._rows = self._grouped = 0

    @property
    def notes(self) -> tuple[str, ...]:
        passed = f"Left out by `[dataset.calls] feedback`: {_listed(self._passed)}." if self._passed else ""
        alone = (
            f"No call says its `[dataset.calls] group`, {self._calls.group}: every row is on its own."
            if self._rows and not self._grouped and self._calls.group != CallsSection().group
            else ""
        )
        return tuple(filter(None, (passed, alone, self._waiting)))

    def __iter__(self) -> Iterator[Row | Dropped]:
        self._passed.clear()
        self._waiting = ""
        self._rows = self._grouped = items = 0
        with Log(self._workspace) as log:
            try:
                log.drain()
            except InsourceError as error:
                self._waiting = f"The latest calls are not in the store yet: {error.message}"
            found = log.calls(**self._where())
            while page := list(islice(found, _PAGE)):
                given = log.feedback(*(call.call_id for call in page))
                for call in page:
                    if (
                        call.source == ARM_SOURCE
                    ):  # an evaluation asked this: it is none of the task's traffic
                        continue
                    said = _said(given.get(call.call_id, ()))
                    if self._calls.feedback and said.kind not in self._calls.feedback:
                        self._passed[said.kind] += 1
                    else:
                        item = _labelled(call, said, self._calls.group, self._conversations)
                        items += 1
                        self._rows += isinstance(item, Row)
                        self._grouped += isinstance(item, Row) and item.group is not None
                        yield item
            if not items:
                raise self._no_calls(log)

    def _no_calls(self, log: Log) -> DataError:
        """Return why no call is taken: the first condition that no call meets, and what the latest have."""
        where = self._where()
        met: Where = {}
        for name in ("task", "provider", "model", "prompt_version", "outcome"):
            if where.get(name) is None:
                continue
            before, met = met, cast("Where", {**met, name: where[name]})
            if next(log.calls(limit=1, **met), None) is None:
                latest = log.calls(limit=_LOOKED_AT, newest_first=True, **before)
                seen = Counter(_VALUES[name](call) or "none" for call in latest)
                problem = f"No call of the log has the {name.replace('_', ' ')} {where[name]!r}"
                return _no_rows(
                    f"{problem}; the latest have {_listed(seen)}." if seen else "The log is empty."
                )
        if self._passed:
            return _no_rows(f"`[dataset.calls] feedback` leaves out every call: {_listed(self._passed)}.")
        return _no_rows("No call of the log meets all conditions of `[dataset.calls]`, dates included.")

    def _where(self) -> Where:
        chosen = self._calls
        return Where(
            task=None if self._task == "*" else self._task,
            prompt_version=chosen.prompt_version,
            model=chosen.model,
            provider=chosen.provider,
            outcome=chosen.outcome,
            since=chosen.since,
            until=chosen.until,
        )


class WaitingCalls:
    """The calls of a task whose doubtful answers wait for a person, a row a call, with their confidence.

    Such an answer is the label until a person decides. ``reasons`` says why each row waits, by its id.
    With ``corrected``, those that a person has corrected or rated are among them; the log has them as rows.
    Those of ``known`` ids are rows of another source already.
    """

    def __init__(
        self,
        workspace: Path,
        calls: CallsSection,
        *,
        task: str,
        corrected: bool = True,
        known: Container[str] = (),
    ) -> None:
        self.name = "waiting calls"
        self.notes: tuple[str, ...] = ()
        self.reasons: dict[str, tuple[str, ...]] = {}
        self._workspace = workspace
        self._calls = calls
        self._task = task
        self._corrected = corrected
        self._known = known

    def __iter__(self) -> Iterator[Row | Dropped]:
        self.reasons.clear()
        with Log(self._workspace) as log:
            with contextlib.suppress(InsourceError):  # what is not in the store yet waits a little longer
                log.drain()
            for call in calls_routed(log.database, self._task, WAITS_FOR_A_PERSON):
                if call.call_id in self._known or (not self._corrected and log.feedback(call.call_id)):
                    continue
                item = _item(call, _said(()), self._calls.group, "last")
                if isinstance(item, Row):
                    sure = call.route.confidence if call.route else None
                    self.reasons[item.row_id] = (_doubt(call),)
                    item = item.model_copy(update={"confidence": sure})
                yield item


def _doubt(call: Call) -> str:
    """Return why an answer waits, in words."""
    sure = call.route.confidence if call.route else None
    asked_at = iso(call.started_at)
    if sure is None:
        return f"The model served this answer at {asked_at}; how sure it was is not known."
    return f"The model served this answer at {asked_at} with a confidence of {sure:.2f}, which is too little."


def row_of(
    call: Call, feedback: Sequence[Feedback], group: str, conversations: Conversations
) -> Row | Dropped:
    """Return one call with the feedback on it as a row, or the reason why it is none.

    ``group`` says what stays together, as ``[dataset.calls] group`` does.
    """
    return _labelled(call, _said(feedback), group, conversations)


def _labelled(call: Call, said: _Said, group: str, conversations: Conversations) -> Row | Dropped:
    """Return the call as a row whose answer is a label: a person's or a cloud's, not that of a model here."""
    item = _item(call, said, group, conversations)
    route = call.route
    if isinstance(item, Dropped) or route is None or said.correction is not None:
        return item
    if route.to == "cloud" and not route.cloud_fields:  # those are of two answers
        return item
    detail = f"{route.model} answered here, and nobody corrected it"
    return Dropped(row_id=item.row_id, line=None, reason="answered-here", detail=detail)


def _item(call: Call, said: _Said, group: str, conversations: Conversations) -> Row | Dropped:
    try:
        return _row(call, said, group, conversations)
    except BadRow as error:
        bad = BadRow("no-input", error.detail) if error.reason == "missing-input" else error
        return Dropped(row_id=call.call_id, line=None, reason=bad.reason, detail=bad.detail)


def _row(call: Call, said: _Said, group: str, conversations: Conversations) -> Row:
    if call.simulated:
        raise BadRow("simulated", f"{call.model_asked} was simulated")
    if call.endpoint in _NOT_GENERATION:
        raise BadRow("not-generation", f"a call of {call.endpoint}, which writes no text")
    document = asked(call.request, conversations)
    return Row(
        line=None,
        row_id=call.call_id,
        input=document.input,
        output=_answer(call, said),
        group=_group(call, group),
        time=iso(call.started_at),
        prompt=document.prompt,
        provenance=Provenance(
            source=SOURCE,
            label="teacher" if said.correction is None else "checked",
            human_edited=said.correction is not None and said.correction != call.response_text,
            provider=call.provider,
            model=call.model_answered or call.model_asked,
            date=iso(call.started_at),
            prompt_version=call.prompt_version,
            finish_reason=_finish_reason(call),
        ),
    )


def _group(call: Call, wanted: str) -> str | None:
    if wanted == "user":
        return call.user or None
    if found := call.tags.get(wanted):
        return found
    given: Any = call.request.get("conversation") if wanted == "conversation" else None
    given = given.get("id") if isinstance(given, dict) else given
    return given if isinstance(given, str) and given else None


def _finish_reason(call: Call) -> str:
    """Return why the answer ended; proxies often report ``stop``, or nothing, at the token limit."""
    limit = output_limit(call.request)
    written = 0 if call.usage_estimated else call.usage.output_tokens or 0
    ran_out = call.finish_reason in ("stop", "unknown") and 0 < limit <= written
    return TOKEN_LIMIT if ran_out else call.finish_reason


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{value} ({count} call{'s' * (count != 1)})" for value, count in sorted(counts.items()))


def _no_rows(problem: str) -> DataError:
    return DataError("no-rows", problem, hint="Look at what is there: insource logs list")


class _Said:
    """What people said about a call last: their correction, their rating, and what that comes to."""

    def __init__(self, correction: str | None, rating: str) -> None:
        self.correction = correction
        self.rating = rating
        self.kind = "corrected" if correction is not None else rating or "none"


def _said(feedback: Sequence[Feedback]) -> _Said:
    last = {one.kind: one.value for one in feedback}
    return _Said(last.get("correction"), last.get("rating", ""))


def _answer(call: Call, said: _Said) -> str:
    if said.correction is not None:
        if not said.correction.strip():
            raise BadRow("no-answer", "the correction is empty")
        return said.correction
    if call.outcome == "interrupted":
        raise BadRow("interrupted", call.error[:200] or "the answer broke off")
    if call.outcome != "ok":
        raise BadRow("call-failed", call.error[:200] or "there is no answer")
    if said.rating == "down":
        raise BadRow("rated-down", "rated down, and nobody corrected it")
    if not call.response_text.strip():
        if called_tool(call.response):
            raise BadRow("tool-calls", "the answer is a call of a tool, not text")
        raise BadRow("no-answer", f"no text in the answer ({call.finish_reason})")
    answer = without_reasoning(call.response_text)
    if not answer:
        raise BadRow("no-answer", "the answer ends within the model's reasoning")
    return answer
