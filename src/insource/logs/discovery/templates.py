"""A prompt template: the words that stay, in order, with slots between them."""

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
    """``segments`` are literal pieces of the flattened prompt; a slot of any length stands between two.

    ``schema_keys`` and ``tools`` are the frame: the keys asked for and the tools offered, comma-separated.
    """

    segments: tuple[str, ...]
    schema_keys: str = ""
    tools: str = ""

    @property
    def frame(self) -> Frame:
        return Frame(self.schema_keys, self.tools)

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hex digits that name this template for good."""
        return short(digest([list(self.segments), self.schema_keys, self.tools]))

    @cached_property
    def length(self) -> int:
        """Characters that stay; the more, the more specific."""
        return sum(map(len, self.segments))

    @cached_property
    def specificity(self) -> tuple[bool, int]:
        """Grows with what stays; text at the beginning of a message says more than text behind a slot."""
        return self.segments[0].startswith(MARK) and self.segments[0] not in _ROLE_MARKS, self.length

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words that stay, in lower case, role marks left out."""
        return tuple(word for _, said in self.said() for word in WORD.findall(said.lower()))

    def said(self) -> list[tuple[str, str]]:
        """The fixed text by role letter, ``""`` before the first known role."""
        before, *parts = " ".join(self.segments).split(MARK)
        return [("", before), *((part[:1], part[1:]) for part in parts)]

    @property
    def rendering(self) -> str:
        """A prompt made from this template with next to nothing in its slots."""
        return " … ".join(self.segments)

    def matches(self, text: str) -> bool:
        """Whether the segments stand in this flattened prompt, in this order."""
        at = 0
        for segment in self.segments:
            found = text.find(segment, at)
            if found < 0:
                return False
            at = found + len(segment)
        return True

    def variable(self, text: str) -> str:
        """What fills the slots of a matching prompt."""
        at, parts = 0, []
        for segment in self.segments:
            found = text.find(segment, at)
            parts.append(text[at:found])
            at = found + len(segment)
        return " ".join(part.strip() for part in (*parts, text[at:])).strip()

    def __str__(self) -> str:
        """For people: roles on lines of their own, slots as ⟨…⟩."""
        text = f" {SLOT} ".join(self.segments)
        text = text if text.startswith(MARK) else f"{SLOT} {text}"
        text = text.removesuffix(END) if text.endswith(END) else f"{text} {SLOT}"
        lines = [
            f"{_ROLE_NAMES.get(part[:1], 'user')}: {part[1:].strip() or SLOT}" if index else part.strip()
            for index, part in enumerate(text.split(MARK))
        ]
        return "\n".join(line for line in lines if line)


class TemplateIndex:
    """Finds the most specific template of a prompt among many."""

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
        """Add templates; one that is there already stays once."""
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
        """The most specific template that this prompt is made from."""
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
