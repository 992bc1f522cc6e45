"""Learn templates from a stream of prompts in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from insource.foundation.rng import generator
from insource.logs.discovery.mining import MIN_SUPPORT, mine
from insource.logs.discovery.prompts import Prompt
from insource.logs.discovery.templates import Template, TemplateIndex

POOL = 3000
"""The size of each of the two samples: prompts without a template, and prompts with one."""
DIVIDES = 0.75
"""A template divides another one when it matches less than this share of its prompts."""


class _Sample:
    """A uniform sample of a stream (Vitter's algorithm R, 1985)."""

    def __init__(self, size: int, name: str) -> None:
        self.prompts: list[Prompt] = []
        self.seen = 0
        self._size = size
        self._rng = generator(0, f"logs.discovery.{name}")

    def add(self, prompt: Prompt) -> None:
        self.seen += 1
        if len(self.prompts) < self._size:
            self.prompts.append(prompt)
        elif (place := int(self._rng.integers(self.seen))) < self._size:
            self.prompts[place] = prompt


class TemplateLearner:
    """Learns templates: ``feed`` it prompts, then call ``finish``; ``index`` holds the templates found.

    Prompts that match no known template are sampled into a pool. It is mined when it is full, and again after
    enough further prompts. Rare templates appear once the common ones are known, and a log without templates
    is mined only a few times. A sample of matched prompts is mined at the end, to split templates that match
    too much. Memory is bounded by the two samples.
    """

    def __init__(self, known: Iterable[Template] = (), *, pool: int = POOL) -> None:
        self.index = TemplateIndex(known)
        self._size = pool
        self._next = pool
        self._unexplained = _Sample(pool, "unexplained")
        self._explained = _Sample(pool, "explained")

    def feed(self, prompt: Prompt) -> None:
        """Process one prompt."""
        if self.index.find(prompt) is not None:
            self._explained.add(prompt)
            return
        self._unexplained.add(prompt)
        if self._unexplained.seen >= self._next:
            self._mine()
            scattered = len(self._unexplained.prompts) >= self._size // 2
            self._next = self._unexplained.seen + (self._unexplained.seen if scattered else self._size)

    def finish(self) -> None:
        """Mine what remains after the last prompt."""
        self._mine()
        self._divide()

    def _mine(self) -> None:
        """Find the templates in the pool, and remove the prompts that they match."""
        while True:
            pool, known = self._unexplained.prompts, len(self.index)
            self.index.extend(mine(pool, _support(pool)))
            rest = [prompt for prompt in pool if self.index.find(prompt) is None]
            self._unexplained.prompts = rest
            if len(self.index) == known or len(rest) == len(pool):
                return

    def _divide(self) -> None:
        """Add the templates that match a part, but not all, of another template's prompts."""
        sample = self._explained.prompts
        owners = [template.fingerprint for p in sample if (template := self.index.find(p)) is not None]
        whole = Counter(owners)
        for template in mine(sample, _support(sample)):
            taken = Counter(
                owner
                for prompt, owner in zip(sample, owners, strict=True)
                if template.frame == prompt.frame and template.matches(prompt.text)
            )
            if taken and all(count < DIVIDES * whole[owner] for owner, count in taken.items()):
                self.index.extend([template])


def _support(pool: list[Prompt]) -> int:
    return max(MIN_SUPPORT, len(pool) // 400)
