"""``insource logs show``: show one call in full."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from insource.cli.logs.options import config_option, open_log
from insource.cli.options import json_option
from insource.foundation.errors import UserError

if TYPE_CHECKING:
    from insource.logs.query import Log
    from insource.store.calls.feedback import Feedback
    from insource.types import Call

_CANDIDATES = 5  # how many ids a refusal names


@click.command("show", short_help="Show one call in full")
@click.argument("call_id", metavar="ID")
@config_option
@json_option
def command(call_id: str, config_path: Path, as_json: bool) -> None:
    """Show the recorded call ID in full, with its feedback.

    The beginning of an id is enough if no other id begins so.
    """
    from insource.cli.printable import printable
    from insource.logs.export import document

    with open_log(config_path) as log:
        call = call_named(log, call_id)
        feedback = log.feedback(call.call_id).get(call.call_id, ())
    if as_json:
        click.echo(json.dumps(document(call, feedback)))
        return
    for line in _lines(call, feedback):
        click.echo(printable(line))


def call_named(log: Log, call_id: str) -> Call:
    """Return the call with this id, or the only one whose id begins so.

    Raises:
        UserError: ``call-not-found``, ``call-id-ambiguous``.
    """
    return log.get(call_id) or _beginning_with(log, call_id)


def _beginning_with(log: Log, beginning: str) -> Call:
    from insource.cli.printable import one_line

    found = log.ids(beginning, limit=_CANDIDATES + 1)
    call = log.get(found[0]) if len(found) == 1 else None
    if call is not None:
        return call
    if not found:
        raise _not_found(log, beginning)
    named = ", ".join(one_line(call_id, 60) for call_id in found[:_CANDIDATES])
    more = " and more" if len(found) > _CANDIDATES else ""
    raise UserError(
        "call-id-ambiguous",
        f"Several calls have an id that begins with {one_line(beginning, 60)}: {named}{more}.",
        hint=f"Type more of the id: insource logs show {one_line(found[0], 60)}",
    )


def _not_found(log: Log, call_id: str) -> UserError:
    from insource.cli.printable import one_line
    from insource.foundation.clock import iso

    gone = log.purge_of(call_id)
    why = f": it was purged on {iso(gone.purged_at)} ({one_line(gone.reason, 80)})" if gone else ""
    return UserError(
        "call-not-found",
        f"There is no call {one_line(call_id, 60)} in the log{why}.",
        hint="List the latest calls with their ids: insource logs list",
    )


def _lines(call: Call, feedback: Sequence[Feedback]) -> Iterator[str]:
    for name, value in _facts(call):
        if value not in (None, "", {}):
            yield f"{name:<16} {' '.join(str(value).split())}"
    for title, text in _documents(call):
        if text:
            yield f"\n── {title} {'─' * 20}\n{text}"
    for one in feedback:
        yield f"\n── {one.kind} {one.at:%Y-%m-%d %H:%M} {one.who} {'─' * 20}\n{one.value}"


def _documents(call: Call) -> Iterator[tuple[str, str]]:
    rest = dict(call.request)
    if isinstance(messages := rest.pop("messages", None), list):
        for message in messages:
            fields = dict(message) if isinstance(message, dict) else {"content": message}
            yield str(fields.pop("role", "message")), _text(fields.pop("content", None))
            yield "", _text(fields)
    yield "request", _text(rest)
    yield "answer" + (" (partial)" if call.partial else ""), call.response_text
    if not call.response_text:
        yield "answer", _text(call.response)
    yield "error", call.error
    yield "imported", "--json shows the original record" if call.raw else ""


def _facts(call: Call) -> Iterator[tuple[str, Any]]:
    from insource.cli.logs.tables import call_cost
    from insource.foundation.clock import iso

    yield "id", call.call_id
    yield "started", iso(call.started_at)
    for name in ("source", "task", "feature", "prompt_version", "user", "provider", "endpoint"):
        yield name.replace("_", " "), getattr(call, name)
    yield "model asked", call.model_asked
    yield "model answered", call.model_answered
    status = "" if call.status is None else f" (status {call.status})"
    yield "outcome", f"{call.outcome}{status}, {call.finish_reason}" + (", streamed" if call.streamed else "")
    counts = {_plain(name): count for name, count in call.usage.model_dump().items() if count is not None}
    estimated = " (estimated)" if counts and call.usage_estimated else ""
    yield "tokens", ", ".join(f"{count:,} {name}" for name, count in counts.items()) + estimated
    about = call.priced_by or call.unpriced_because
    yield "cost", call_cost(call) + (f", {about}" if about else "")
    timings = (("in all", call.latency_s), ("first token", call.first_token_s), ("a token", call.token_gap_s))
    yield "time", ", ".join(f"{name} {value:.3f} s" for name, value in timings if value is not None)
    yield "simulated", "yes" if call.simulated else ""
    if call.route is not None:
        yield "route", f"{call.route.to}, {call.route.model}: {call.route.reason}"
    yield "tags", ", ".join(f"{name}={value}" for name, value in call.tags.items())


def _plain(name: str) -> str:
    return name.removesuffix("_tokens").replace("_", " ")


def _text(value: Any) -> str:
    if value in (None, {}, []):
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
