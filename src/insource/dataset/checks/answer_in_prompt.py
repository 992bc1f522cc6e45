"""Find inputs that contain their own answer: in service the answer is not there to copy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

from insource.dataset.checks.check import Check, Context
from insource.dataset.checks.row_view import RowView, pruned
from insource.foundation import canonical
from insource.matching.normal_forms import fold_text
from insource.types import Dropped, Finding, Fix, Row

MIN_FIELDS = 2
"""Filled fields of an answer that nobody writes as JSON into a document by chance."""

_WORDS = (
    r"(?:(?:correct|right|expected|true|gold|final|model)[ _-]+)?(?:answer|label|output|target|response"
    r"|prediction)|gold|ground[ _-]?truth|solution|expected|antwort|l[öo]sung|r[ée]ponse|respuesta|risposta"
)
_ANNOUNCED = re.compile(
    rf"^[ \t>*#\[(-]*(?:the )?(?:{_WORDS})(?: is)?[\])*]*[ \t]*(?:[:=]|=>|->)[ \t]*(?P<said>\S[^\n]*)$",
    re.IGNORECASE | re.MULTILINE,
)
_DECODER = json.JSONDecoder()
_ROOM, _SLACK = 8, 4096  # an answer may stand in a document indented, and with its empty fields


class AnswerInPrompt(Check):
    """Finds a line that announces the answer and states it, or the whole answer as JSON.

    A single value in its document is what extraction needs, and is not reported. Neither is a prompt that
    rows with other answers share, because its examples are not this row's answer.
    """

    name = "answer-in-prompt"
    title = "Answer given away in the prompt"
    severity = "error"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._answers: dict[bytes, bytes | None] = {}
        self._suspected = False

    def observe(self, index: int, view: RowView) -> None:
        super().observe(index, view)
        row = view.row
        leaking = any(next(self._leaks(view, text), None) for text in (row.input, row.prompt))
        self._suspected = self._suspected or leaking
        # A row that the fix would drop is no example of how its prompt is used.
        if row.prompt and (not leaking or self._stripped(view, row.input).strip()):
            prompt, said = _digest(row.prompt), _digest(view.said)
            if self._answers.setdefault(prompt, said) != said:
                self._answers[prompt] = None

    def finding(self) -> Finding:
        for row in self.context.rows if self._suspected else ():
            view = self.context.view(row)
            for text in self._own_texts(row).values():
                if span := next(self._leaks(view, text), None):
                    self.hits.add(row, f"says {text[slice(*span)].strip()[:80]!r}")
                    break
        fix = Fix(action="change", summary="take the answer out of the input; drop what has nothing left")
        return self.report(f"{self.hits.count:,} inputs give their answer away", fix=fix)

    def fixed(self, index: int, view: RowView, parameters: Mapping[str, Any]) -> Row | Dropped:
        row = view.row
        own = self._own_texts(row)
        texts = {name: self._stripped(view, text) for name, text in own.items()}
        if texts == own:
            return row
        if not texts["input"].strip():
            return self.drop(row, "without the answer nothing is left of the input")
        return row.model_copy(update=texts)

    def _own_texts(self, row: Row) -> dict[str, str]:
        """Return the texts to search: the input, and the prompt unless rows with other answers share it."""
        own = {"input": row.input}
        return own if self._answers.get(_digest(row.prompt), b"") is None else {**own, "prompt": row.prompt}

    def _stripped(self, view: RowView, text: str) -> str:
        """Return the text without what gives the answer away; taking one out may bring the next to light."""
        while span := next(self._leaks(view, text), None):
            text = (text[: span[0]].rstrip(" \t") + text[span[1] :]).strip("\n")
        return text

    def _leaks(self, view: RowView, text: str) -> Iterator[tuple[int, int]]:
        if not text:
            return
        if view.answer is None:
            said = fold_text(str(view.row.output).strip())
            for found in _ANNOUNCED.finditer(text):
                value = found["said"].strip(" \t*_`\"'.]")
                if value and fold_text(value) == said:
                    yield found.span()
        if view.answer is not None and len(view.leaves) >= MIN_FIELDS and "{" in text:
            yield from self._whole(view.said, text)

    def _whole(self, said: str, text: str) -> Iterator[tuple[int, int]]:
        """Yield where the whole answer stands as JSON, with the line's announcement."""
        at = text.find("{")
        longest = _ROOM * len(said) + _SLACK
        while at >= 0:
            try:  # a piece, because the decoder's errors count the lines of all that stands before them
                value, length = _DECODER.raw_decode(text[at : at + longest])
            except (ValueError, RecursionError):
                at = text.find("{", at + 1)
                continue
            end = at + length
            if isinstance(value, dict) and _canonical(value) == said:
                line = text.rfind("\n", 0, at) + 1
                announced = _ANNOUNCED.match(text[line:end])
                yield (line if announced else at, end)
            at = text.find("{", end)


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _canonical(value: dict[str, Any]) -> str:
    try:
        return canonical.dumps(pruned(value))
    except (ValueError, RecursionError):
        return ""
