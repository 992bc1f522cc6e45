"""The words of a call that nothing answers."""

from __future__ import annotations

from insource.gateway.tasks.answerer import NOT_INSOURCED, OTHER_FORMAT
from insource.gateway.tasks.local import TOO_LONG
from insource.gateway.ways.ways import BY_RULE
from insource.routing.ways.certified import PROMPT_CHANGED

OTHER_OPTIONS = "other-options"

# The answer to a call that cannot be answered here and has no cloud, by its reason: status, code, problem.
REFUSALS = {
    NOT_INSOURCED: (400, "not-supported", "The local model cannot answer a call of this form"),
    OTHER_FORMAT: (400, "not-supported", "The local answer does not have the format that the call asks for"),
    OTHER_OPTIONS: (422, "not-supported", "The local answer is none of the options of a question"),
    PROMPT_CHANGED: (422, PROMPT_CHANGED, "The call does not ask as the policy was certified for"),
    TOO_LONG: (400, "context_length_exceeded", "The document is longer than the context of the local model"),
}
ANSWERED = {
    True: "It answers questions about one text, with the options of its own task only.",
    False: "It answers one document as one user message of text, without tools or several choices, in the "
    "format of its own task, with log-probabilities only if it states them.",
}

WITHOUT = {
    "local-only": "the task is local-only",
    "no-cloud": "no cloud is configured",
    BY_RULE: "the rule that it falls under allows no other way",
}
