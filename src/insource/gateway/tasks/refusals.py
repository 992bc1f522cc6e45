"""What a caller is told whose call can be answered neither here nor by a cloud."""

from __future__ import annotations

from typing import NamedTuple

from insource.gateway.call.exchange import Attempt
from insource.gateway.http.asgi import Headers
from insource.gateway.tasks.answerer import NOT_INSOURCED, OTHER_FORMAT, OVERLOADED
from insource.gateway.tasks.local import TOO_LONG
from insource.gateway.ways.ways import BY_RULE
from insource.routing.ways.certified import PROMPT_CHANGED

OTHER_OPTIONS = "other-options"
OTHER_FORMAT_SAID = "The local answer does not have the format that the call asks for"
# By the reason of the call: status, code, problem.
_REFUSALS = {
    NOT_INSOURCED: (400, "not-supported", "The local model cannot answer a call of this form"),
    OTHER_FORMAT: (400, "not-supported", OTHER_FORMAT_SAID),
    OTHER_OPTIONS: (422, "not-supported", "The local answer is none of the options of a question"),
    PROMPT_CHANGED: (422, PROMPT_CHANGED, "The call does not ask as the policy was certified for"),
    TOO_LONG: (400, "context_length_exceeded", "The document is longer than the context of the local model"),
}
_ANSWERED = {
    True: "It answers questions about one text, with the options of its own task only.",
    False: "It answers one document as one user message of text, without tools or several choices, in the "
    "format of its own task, with log-probabilities only if it states them.",
}
_WITHOUT = {
    "local-only": "the task is local-only",
    "no-cloud": "no cloud is configured",
    BY_RULE: "the rule that it falls under allows no other way",
}


class Refusal(NamedTuple):
    """The status, the code, the message and the headers of a refused call; ``error`` is for its record."""

    status: int
    code: str
    problem: str
    error: str
    headers: Headers | None = None


def refusal(
    reason: str, without: str, attempt: Attempt | None, *, questions: bool, detail: str = ""
) -> Refusal:
    """Return how a call is refused that was not answered for ``reason``, where no cloud may be asked.

    ``without`` says why none may be; it is empty where there is one that the ways of the call leave out.
    ``detail`` says what of the call is other than certified.
    """
    if reason == OVERLOADED and attempt is not None:
        wait = str(attempt.retry_after_s).encode()
        message = f"This task has more calls than its model can answer: {attempt.error}."
        return Refusal(429, "model-overloaded", message, "", [(b"retry-after", wait)])
    without = without or BY_RULE
    other = (503, without, f"The local model cannot answer this ({reason})")
    status, code, problem = _REFUSALS.get(reason, other)
    problem = f"{problem}, and {_WITHOUT[without]}."
    if reason == NOT_INSOURCED:
        problem += f" {_ANSWERED[questions]}"
    if detail:
        problem += f" Other than certified: {detail}."
    return Refusal(status, code, problem, f"{problem} {attempt.error}" if attempt else problem)
