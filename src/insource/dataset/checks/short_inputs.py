"""Find inputs that hold no text to learn from."""

from __future__ import annotations

import re

from insource.dataset.checks.per_row import PerRow
from insource.dataset.checks.row_view import RowView

LEAST = 2
"""Letters and digits that the shortest input has."""

_PLACEHOLDER = re.compile(
    r"(?:n/?a|none|null|nan|nil|undefined|tbd|todo|test|unknown|empty|lorem ipsum.*"
    r"|\[?(?:redacted|deleted|removed)\]?)",
    re.IGNORECASE | re.DOTALL,
)


class ShortInputs(PerRow):
    """Fewer than two letters or digits, or a word that stands for a missing text."""

    name = "short-inputs"
    title = "Inputs without content"
    found = "inputs have no content"
    remedy = "drop the rows whose input has no content"

    def problem(self, view: RowView) -> str | None:
        row = view.row
        text = row.input.strip()
        if len(text) < 40 and sum(map(str.isalnum, text)) < LEAST:
            return f"the input is {text[:40]!r}"
        if len(text) < 500 and _PLACEHOLDER.fullmatch(text.strip(" .!\"'")):
            return f"the input only says {text[:40]!r}"
        return None
