"""Few-shot examples of the cloud's prompt that are test items: it was shown the answer."""

from __future__ import annotations

from insource.evaluation.handicaps.case import SHOWN, Case, Found, handicap, share, shown
from insource.matching.normal_forms import fold_text

SHORTEST = 20
"""A shorter document may stand in a prompt by accident; it has to be followed by its label."""
_NEAR = 300
"""The label of an example stands within so many characters after its document."""


def find(case: Case) -> Found | None:
    """Find documents that stand in the very prompt that was sent with them, as an example.

    Case, spaces and punctuation marks of other fonts are not looked at. The comparison without them leaves
    these documents out.
    """
    folded: dict[str, str] = {}
    rows = []
    for example, _ in case.documents():
        prompt = case.prompt_of(example)
        if not prompt:
            continue
        text = folded.setdefault(prompt, f" {fold_text(prompt)} ")
        if _is_shown(fold_text(example.input), fold_text(example.target), text):
            rows.append(example)
    if not rows:
        return None
    return Found(
        handicap(
            case,
            "test-items-in-prompt",
            len(rows),
            f"The prompt of {case.arm.name} holds {share(len(rows), case.size)} among its examples: it was "
            "shown their answers.",
            evidence=tuple(f"{one.row_id}: “{shown(one.input)}”" for one in rows[:SHOWN]),
            next_step="Ask the cloud again with examples from the training split, or leave these out.",
        ),
        left_out=frozenset(example.row_id for example in rows),
    )


def _is_shown(document: str, label: str, prompt: str) -> bool:
    """Return whether a folded prompt, with a space at either end, holds the document as an example."""
    at = prompt.find(document)
    while document and at >= 0:
        end = at + len(document)
        whole = not (prompt[at - 1].isalnum() or prompt[end].isalnum())
        if whole and (len(document) >= SHORTEST or label in prompt[end : end + _NEAR]):
            return True
        at = prompt.find(document, at + 1)
    return False
