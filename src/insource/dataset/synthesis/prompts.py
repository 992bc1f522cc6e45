"""Write the requests to a teacher: to paraphrase a document, or to label one."""

from __future__ import annotations

from insource.dataset.synthesis.places import as_label, leaves
from insource.matching.grounding import occurrences
from insource.types import Example, Message

PARAPHRASE = (
    "Rewrite the document below in other words and, where that is natural, in another order. Keep its "
    "language, its meaning and every fact. Copy these texts exactly as they stand: {values}. Answer with "
    "the rewritten document and nothing else."
)
LABELLED = (
    "Rewrite the text below in other words. Keep its language and its meaning. Answer with the rewritten "
    "text and nothing else."
)


def paraphrase(example: Example) -> tuple[Message, ...]:
    """Return the request to rewrite one document without touching what its label is read from."""
    label = as_label(example)
    kept = [str(value) for _, value in leaves(label or {}) if any(occurrences(str(value), example.input))]
    asked = PARAPHRASE.format(values="; ".join(dict.fromkeys(kept))) if kept else LABELLED
    return (Message(role="system", content=asked), Message(role="user", content=example.input))
