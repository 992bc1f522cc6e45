"""Prompt templates: fixed text pieces in order, with slots between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property

from insource.foundation.canonical import digest, short
from insource.logs.discovery.prompts import WORD, Frame, Prompt
from insource.providers.requests import END, MARK
from insource.types import Frozen

SLOT = "⟨…⟩"
_KEY = 24
_ROLE_MARKS = frozenset(MARK + letter for letter in "suat")
_ROLE_NAMES = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}


class Template(Frozen):
    """``segments`` are literal pieces of the flattened prompt, with a slot of any length between two of them.

    ``schema_keys`` and ``tools`` are the frame: the requested keys and the offered tools, comma-separated.
    """

    segments: tuple[str, ...]
    schema_keys: str = ""
    tools: str = ""

    @property
    def frame(self) -> Frame:
        return Frame(self.schema_keys, self.tools)

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hex digits that identify this template permanently."""
        return short(digest([list(self.segments), self.schema_keys, self.tools]))

    @cached_property
    def length(self) -> int:
        """The number of fixed characters; a longer template is more specific."""
        return sum(map(len, self.segments))

    @cached_property
    def specificity(self) -> tuple[bool, int]:
        """A sort key: text at the beginning of a message first, then the number of fixed characters."""
        return self.segments[0].startswith(MARK) and self.segments[0] not in _ROLE_MARKS, self.length

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The fixed words in lower case, without role marks."""
        return tuple(word for _, said in self.said() for word in WORD.findall(said.lower()))

    def said(self) -> list[tuple[str, str]]:
        """Return the fixed text by role letter; ``""`` stands for text before the first role mark."""
        before, *parts = " ".join(self.segments).split(MARK)
        return [("", before), *((part[:1], part[1:]) for part in parts)]

    @property
    def rendering(self) -> str:
        """A prompt made from this template with nearly empty slots."""
        return " … ".join(self.segments)

    def matches(self, text: str) -> bool:
        """Whether the segments occur in this flattened prompt, in this order."""
        at = 0
        for segment in self.segments:
            found = text.find(segment, at)
            if found < 0:
                return False
            at = found + len(segment)
        return True

    def variable(self, text: str) -> str:
        """Return the slot contents of a matching prompt."""
        at, parts = 0, []
        for segment in self.segments:
            found = text.find(segment, at)
            parts.append(text[at:found])
            at = found + len(segment)
        return " ".join(part.strip() for part in (*parts, text[at:])).strip()

    def __str__(self) -> str:
        """Format for people: one line per role, slots as ⟨…⟩."""
        text = f" {SLOT} ".join(self.segments)
        text = text if text.startswith(MARK) else f"{SLOT} {text}"
        text = text.removesuffix(END) if text.endswith(END) else f"{text} {SLOT}"
        lines = [
            f"{_ROLE_NAMES.get(part[:1], 'user')}: {part[1:].strip() or SLOT}" if index else part.strip()
            for index, part in enumerate(text.split(MARK))
        ]
        return "\n".join(line for line in lines if line)


class TemplateIndex:
    """Finds the most specific of many templates that matches a prompt."""

    def __init__(self, templates: Iterable[Template] = ()) -> None:
        self._by_start: dict[tuple[Frame, str], list[Template]] = defaultdict(list)
        self._elsewhere: dict[Frame, list[Template]] = defaultdict(list)
        self._known: dict[str, Template] = {}
        self.extend(templates)

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, template: Template) -> bool:
        return template.fingerprint in self._known

    def __iter__(self) -> Iterator[Template]:
        return iter(self._known.values())

    def extend(self, templates: Iterable[Template]) -> None:
        """Add templates; known ones are skipped."""
        for template in templates:
            if template.fingerprint in self._known:
                continue
            self._known[template.fingerprint] = template
            first = template.segments[0]
            whole = first.startswith(MARK) and len(first) >= _KEY
            group = self._by_start[template.frame, first[:_KEY]] if whole else self._elsewhere[template.frame]
            group.append(template)
            group.sort(key=lambda one: (one.specificity, one.fingerprint), reverse=True)

    def find(self, prompt: Prompt) -> Template | None:
        """Return the most specific template that matches this prompt, or None."""
        best: Template | None = None
        groups = (
            self._by_start.get((prompt.frame, prompt.text[:_KEY]), ()),
            self._elsewhere.get(prompt.frame, ()),
        )
        for group in groups:
            for template in group:
                if best is not None and template.specificity <= best.specificity:
                    break
                if template.matches(prompt.text):
                    best = template
                    break
        return best
