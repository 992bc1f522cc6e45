"""Start the gateway and send it documents, as the last step of the demo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from insource.foundation.errors import ProviderError
from insource.gateway.server import GatewayServer
from insource.gateway.settings import AUTO, GatewaySettings, TaskSettings, WaySettings
from insource.models.protocol import Model
from insource.models.transport import client
from insource.providers.tags import HEADER
from insource.store.calls.calls import get_call
from insource.types import Call, Example, Route, RoutedCall, RunResult
from insource.workflow.serve import answering
from insource.workflow.session import Session

TIMEOUT_S = 120.0


def drive(
    cloud: Model, session: Session, result: RunResult, documents: Sequence[Example]
) -> tuple[RoutedCall, ...]:
    """Start model and gateway, send each document as an OpenAI client would, and read the logged calls.

    ``cloud`` answers what the gateway escalates.
    """
    found = answering(session, result)
    with found.open() as opened, session.recorder() as recorder:
        own = TaskSettings(
            task=found.task,
            policy=found.policy,
            local=opened.model,
            cloud=cloud,
            ask=found.ask,
            confidence=found.confidence,
            judge=found.judge,
            certified=found.certified,
            ways=WaySettings(fields=found.fields),
            slots=found.slots,
        )
        settings = GatewaySettings(recorder=recorder, tasks=(own,))
        with GatewayServer(settings) as gateway:
            ids = [_ask(gateway.url, document.input) for document in documents]
        recorder.flush()
        calls = [get_call(recorder.database, call_id) for call_id in ids]
    simulated = cloud.info.simulated
    routed = [
        _routed(call, document, simulated=simulated)
        for call, document in zip(calls, documents, strict=True)
        if call
    ]
    for call in routed:
        session.display.note(f"{call.row_id} → {call.to}: {call.reason} (logged as {call.call_id})")
    return tuple(routed)


def _ask(url: str, document: str) -> str:
    """Send one chat completion through the gateway. Return the id of the logged call."""
    body: dict[str, Any] = {"model": AUTO, "messages": [{"role": "user", "content": document}]}
    with client(url.rstrip("/") + "/", privacy="local-only", timeout_s=TIMEOUT_S) as http:
        response = http.post("chat/completions", json=body)
    call_id = response.headers.get(f"{HEADER}call-id")
    if call_id is None:
        raise ProviderError(
            "gateway-failed",
            f"The gateway answered {response.status_code} without a call id: {response.text[:200]}",
            hint="Start the gateway alone to see its error: insource gateway",
        )
    return str(call_id)


def _routed(call: Call, document: Example, *, simulated: bool) -> RoutedCall:
    route = call.route or Route(to="cloud", model="", reason=call.error or "no answer")
    return RoutedCall(
        call_id=call.call_id,
        row_id=document.row_id,
        to=route.to,
        model=route.model,
        reason=route.reason,
        confidence=route.confidence,
        simulated=route.simulated and simulated,
        answer=call.response_text,
    )
