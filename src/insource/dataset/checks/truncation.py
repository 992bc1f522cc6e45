"""Find answers that were cut off: a model that learns from them learns to stop early."""

from __future__ import annotations

import re

from insource.dataset.checks.per_row import PerRow
from insource.dataset.checks.row_view import RowView
from insource.types import TOKEN_LIMIT, JsonSchema, Labels

CUT_REASONS = frozenset({"length", "max_tokens", "max_output_tokens", "model_length", "incomplete"})
MIN_PROSE = 40

# In small letters, for "hepatitis A" ends a sentence; and none that ends one, as in "to log in", "sent to".
_DANGLING = re.compile(
    r"(?:[,;:(\[{/&+–—-]|\b(?:and|or|the|a|an|of|und|oder|der|des|von|für|et|ou|le|la|les|de|du|y|el|los|con))\s*\Z"
)
_FENCE = re.compile(r"^```", re.MULTILINE)


class Truncation(PerRow):
    """By the provider's finish reason, by JSON that does not close, by text that ends within a sentence."""

    name = "truncation"
    title = "Truncated answers"
    severity = "error"
    found = "answers were cut short"
    remedy = "drop the rows whose answer was cut short"

    def problem(self, view: RowView) -> str | None:
        row = view.row
        reason = "" if row.provenance.human_edited else row.provenance.finish_reason
        if reason.casefold() in CUT_REASONS:
            return f"the model stopped by {reason!r}, not by itself"
        if reason == TOKEN_LIMIT and not self._is_whole(view):
            return "it has all the tokens that the request allowed"
        if not isinstance(row.output, str) or view.answer is not None:
            return None
        text = row.output.strip()
        if isinstance(self.context.output, JsonSchema) or text[:1] in ("{", "["):
            return "its JSON does not close" if text[:1] in ("{", "[") and _open_at_end(text) else None
        if isinstance(self.context.output, Labels):
            return None
        return _cut_prose(text)

    def _is_whole(self, view: RowView) -> bool:
        """Return a label, or JSON that closes, can end with the last token allowed; of text nobody knows."""
        return isinstance(self.context.output, Labels) or view.answer is not None


def _open_at_end(text: str) -> bool:
    """Return whether a bracket or a string is still open when the text ends."""
    depth, inside, escaped = 0, False, False
    for character in text:
        if escaped:
            escaped = False
        elif inside:
            escaped = character == "\\"
            inside = character != '"'
        elif character == '"':
            inside = True
        elif character in "{[":
            depth += 1
        elif character in "}]":
            depth -= 1
    return inside or depth > 0


def _cut_prose(text: str) -> str | None:
    """Running text that ends at a comma, an opening bracket or a word that wants another."""
    if len(text) < MIN_PROSE or " " not in text:
        return None
    if len(_FENCE.findall(text)) % 2:
        return "a code block does not close"
    return f"it ends within a sentence: …{text[-30:]!r}" if _DANGLING.search(text) else None
