"""The values of one field that a document states."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from insource.matching.normal_forms import fold_text
from insource.matching.number_words import in_figures
from insource.models.fitted.spans.candidate import Candidate, value_key
from insource.models.fitted.spans.candidates import candidates
from insource.models.fitted.spans.document import MAX_CHARACTERS, Document, Scope
from insource.models.fitted.spans.fields import Field, Taught

Context = tuple[str, str]
"""In which way a value was read, and the word at its side or the shape of a text: ``("u1", "hz")``."""

_MEASURED = ("number", "quantity")

_COLUMNS, _STEM, _LOOK_BACK = 3, 4, 60
_LETTERS, _DIGITS = re.compile(r"[^\W\d_]+"), re.compile(r"[0-9]+")
_BEHIND = re.compile(r"[ \-]?([^\W\d_]+|[°%\"]\w?)")
_LAST_WORD = re.compile(r"[\W_]*([^\W\d_]+)")
_PART = re.compile(r"[^\W\d_]+|[0-9]+")
_TIGHT_COMMA = re.compile(r",(?=\S)")


class GroundedField(NamedTuple):
    """A field, what training taught about its values, and what stands in documents but is none of them.

    ``barred`` are contexts, ``strangers`` contexts with a value (``value_key``).
    """

    field: Field
    taught: Taught
    barred: frozenset[Context] = frozenset()
    strangers: frozenset[tuple[Context, Any]] = frozenset()

    def values(self, scopes: tuple[Scope, ...]) -> list[Any]:
        """Return the values that the document states, as training targets spell them, each once."""
        found = [
            one.value
            for scope in scopes
            for one in candidates(scope, self.field, self.taught)
            if not self._is_stranger(context_of(scope, self.field, one), one.value)
        ]
        spelt = [
            self.taught.spellings.get(fold_text(value), value) for value in found if isinstance(value, str)
        ]
        scattered = _scattered(scopes[-1].document, self.field.choices) if scopes else ()
        return list(dict.fromkeys([*found, *spelt, *scattered]))

    def _is_stranger(self, context: Context, value: Any) -> bool:
        return context in self.barred or (context, value_key(self.field, value)) in self.strangers


def context_of(scope: Scope, field: Field, candidate: Candidate) -> Context:
    """Return the context of a candidate."""
    if field.kind in _MEASURED:
        return candidate.tag, _word_beside(scope.document.text, candidate.start, candidate.end)
    return candidate.tag, shape_of(candidate.value) if field.kind in ("id", "text") else ""


@lru_cache(maxsize=1 << 15)
def _word_beside(text: str, start: int, end: int) -> str:
    """Return the word right behind a number, or where none is the word before it with ``>``, on its line."""
    if behind := _BEHIND.match(text, end):
        return behind[1].casefold()
    line = max(start - _LOOK_BACK, text.rfind("\n", 0, start) + 1)
    before = _LAST_WORD.match(text[line:start][::-1])
    return f"{before[1][::-1].casefold()}>" if before else ""


def shape_of(value: Any) -> str:
    """Return a text with ``A`` for each run of letters and ``0`` for one of digits: ``NVR-20K`` is ``A-0A``.

    A text of several words has no shape.
    """
    text = str(value)
    return "" if " " in text else _DIGITS.sub("0", _LETTERS.sub("A", text))


def _scattered(document: Document, choices: tuple[Any, ...]) -> Iterator[Any]:
    """Yield the choices of several words and figures that stand on one line: ``3-phase`` in "Phases | 3"."""
    lines = [(line.casefold(), frozenset(_PART.findall(line.casefold()))) for line in document.lines]
    for choice in choices:
        parts = _PART.findall(choice.casefold()) if isinstance(choice, str) else []
        if len(parts) > 1 and any(all(_in_line(part, *line) for part in parts) for line in lines):
            yield choice


def _in_line(part: str, text: str, parts: frozenset[str]) -> bool:
    return part in parts or (len(part) >= _STEM and part.isalpha() and part in text)


def scopes_of(text: str) -> tuple[Scope, ...]:
    """Return the readings of a document: as it stands, and written out.

    Written out, number words are figures, and the columns of comma-separated lines stand apart: a comma
    between digits is part of a number in prose (``12,5``) and ends a value in such a line. A document that is
    too long to be read as a whole has no reading.
    """
    if len(text) > MAX_CHARACTERS:
        return ()
    written_out = in_figures("\n".join(_apart(text.split("\n"))))
    readings = dict.fromkeys((text, written_out[:MAX_CHARACTERS]))
    return tuple(Scope.whole(Document(one)) for one in readings)


def _apart(lines: list[str]) -> Iterator[str]:
    for line in lines:
        tight = len(_TIGHT_COMMA.findall(line)) >= _COLUMNS
        yield _TIGHT_COMMA.sub(", ", line) if tight else line
