"""The story of one answer: who answered, why, how sure it was, and what was found out about it later."""

from __future__ import annotations

from collections.abc import Sequence

from insource.types import Call, Frozen, Policy
from insource.types.deployment import Audit, DeploymentEvent

REASONS = {
    "confident": "the local answer fits the contract, and its confidence is at or above the threshold",
    "low-confidence": "the local answer fits the contract, but its confidence is below the threshold",
    "no-confidence": "the confidence of the local answer could not be measured",
    "no-threshold": "no threshold keeps the bound, so nothing is served locally",
    "local-invalid": "the local answer does not fit the contract, or was cut short",
    "local-failed": "the local model gave no answer",
    "too-long": "the document is longer than the context of the local model",
    "overloaded": "too many calls waited for the local model",
    "other-format": "the local answer does not have the format that the call asks for",
    "other-options": "the local answer is none of the options of a question",
    "not-insourced": "the call is not one document of the task",
    "not-deployed": "no version is deployed for the task",
    "not-in-canary": "the canary's share does not include this caller",
    "in-shadow": "the version is in shadow, and answers nobody",
    "not-open": "the version that answers could not be opened",
    "circuit-open": "a guard stopped the version a moment ago",
    "audit": "the gateway asked the cloud itself, to compare an answer",
    "no-cloud": "the answer was doubtful, but no cloud is configured",
    "local-only": "the answer was doubtful, but the call may not leave this machine",
    "prompt-changed": "the call asks otherwise than what was certified",
    "doubtful-fields": "the cloud answered the doubtful fields only",
    "new-group": "the call names a group that the guarantee does not cover",
    "cheaper-tier": "the cheaper cloud model answered",
    "cached": "the same call was answered a while ago",
    "waits-for-a-person": "no cloud may be asked, so the doubtful answer waits for a person",
    "by-rule": "a rule sends the call there",
    "cloud-moved": "the cloud moved or answered no call, so the doubtful answer was served here",
    "unsure": "a rule lets a doubtful answer be served",
    "cloud-failed": "the cloud failed, and a rule lets the doubtful answer be served",
}
"""What each reason of a route means."""


class Second(Frozen):
    """Another answer to the same call: the local one that was not served, or what an audit brought."""

    by: str
    text: str


class Explanation(Frozen):
    """Why one call was answered as it was.

    ``policy`` is that of the version that was asked, None where its run is gone. ``doubted`` are its fields
    by rising confidence. ``seconds`` are other answers to the same call. ``event`` is the decision that put
    the version where it was at that time.
    """

    call: Call
    meaning: str
    policy: Policy | None = None
    doubted: tuple[tuple[str, float], ...] = ()
    seconds: tuple[Second, ...] = ()
    audits: tuple[Audit, ...] = ()
    event: DeploymentEvent | None = None


def explain(
    call: Call,
    later: Sequence[Call],
    audits: Sequence[Audit],
    events: Sequence[DeploymentEvent],
    policy: Policy | None,
) -> Explanation:
    """Return the story of a call.

    ``later`` are the gateway's own calls about it, ``events`` those of its task.
    """
    route = call.route
    seconds = []
    if route is not None and route.local_answer:
        seconds.append(Second(by=route.version or "the local model", text=route.local_answer))
    seconds += [
        Second(by=one.model_answered or one.model_asked, text=one.response_text)
        for one in later
        if one.response_text
    ]
    led = [one for one in events if route is not None and one.revision == route.step and route.step]
    doubted = sorted((route.field_confidences if route else {}).items(), key=lambda field: field[1])
    return Explanation(
        call=call,
        meaning=meaning_of(route.reason) if route is not None else "",
        policy=policy,
        doubted=tuple(doubted),
        seconds=tuple(seconds),
        audits=tuple(one for one in audits if one.call_id == call.call_id and not one.unanswered),
        event=led[0] if led else None,
    )


def meaning_of(reason: str) -> str:
    """Return what a reason means; what follows a comma says who stood in for the cloud."""
    name, _, instead = reason.partition(", ")
    meaning = REASONS.get(name, "")
    return f"{meaning} ({instead})" if meaning and instead else meaning
