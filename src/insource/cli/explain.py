"""``insource explain``: tell why one call was answered as it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from insource.cli.options import json_option, project_options

if TYPE_CHECKING:
    from insource.lifecycle.explain import Explanation
    from insource.workflow.session import Session

_FIELDS = 8


@click.command("explain", short_help="Tell why one call was answered as it was")
@click.argument("call_id", metavar="ID")
@project_options
@json_option
def command(session: Session, call_id: str, as_json: bool) -> None:
    """Tell the story of the call ID: who answered, why, how sure it was, and what was found out later.

    The id is in the header x-insource-call-id of every answer; its beginning is enough.
    """
    from insource.cli.logs.show import call_named
    from insource.cli.printable import printable
    from insource.logs.query import Log
    from insource.workflow.explain import explained

    with Log(session.project.workspace) as log:
        call = call_named(log, call_id)
    found = explained(session, call)
    if as_json:
        click.echo(found.model_dump_json())
        return
    for line in _lines(found):
        click.echo(printable(line))


def _lines(found: Explanation) -> Iterator[str]:
    from insource.cli.logs.tables import call_cost
    from insource.foundation.clock import iso

    call, route = found.call, found.call.route
    yield f"{call.call_id}  {iso(call.started_at)}  {call.task or 'no task'}"
    if route is None:
        yield f"answered by   {call.model_answered or call.model_asked}, without a route: no task answered it"
    else:
        yield f"answered by   {route.model}, {route.to}"
        yield f"because       {route.reason}: {found.meaning or 'see the guide of the gateway'}"
        if route.version:
            yield f"asked here    {route.version}"
        sure = "not measured" if route.confidence is None else f"{route.confidence:.4g}"
        threshold = "none" if route.threshold is None else f"{route.threshold:.4g}"
        yield f"confidence    {sure}, threshold {threshold}"
    for path, field in found.doubted[:_FIELDS]:
        yield f"  {field:8.4f}  {path}"
    if found.policy is not None:
        yield f"policy        {found.policy.reason}"
    if found.event is not None:
        yield f"deployed by   {found.event.kind}, {iso(found.event.at)}: {found.event.reason}"
    yield f"cost          {call_cost(call)}"
    if call.latency_s is not None:
        yield f"time          {call.latency_s:.3f} s"
    yield f"\n── answer {'─' * 20}\n{call.response_text or call.error}"
    for second in found.seconds:
        yield f"\n── also: {second.by} {'─' * 20}\n{second.text}"
    for audit in found.audits:
        fields = f"{audit.wrong_fields} of {audit.fields} fields differ" if audit.wrong_fields else "equal"
        yield f"\naudit         {audit.source}, {iso(audit.at)}, {audit.cloud_model or 'the cloud'}: {fields}"
